#!/usr/bin/env python3
"""Compares every #include of our own code with the edges declared in src/*/CMakeLists.txt, and forbids cycles."""
import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent / "src"


def words_after(keyword, text):
    match = re.search(keyword + r"\s+([a-z_0-9\s]*)", text)
    return set(match.group(1).split()) if match else set()


def main():
    allowed, for_tests = {}, {}
    for path in sorted(SOURCE.glob("*/CMakeLists.txt")):
        text = path.read_text()
        allowed[path.parent.name] = words_after(r"[(\s]LINKS", text)
        for_tests[path.parent.name] = words_after("TEST_LINKS", text)

    problems, checked = [], 0
    for floor, edges in allowed.items():
        for path in sorted((SOURCE / floor).rglob("*.[ch]pp")):
            is_test = path.stem.endswith(("_test", "_fuzz"))
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = re.match(r'\s*#\s*include\s*"([^"/]+)/', line)
                if not match:
                    continue
                checked += 1
                target = match.group(1)
                if target == floor or target in edges or (is_test and target in for_tests[floor]):
                    continue
                problems.append(f"{path.relative_to(SOURCE.parent)}:{number}: floor {floor} must not include {target}")

    order, state = [], {}

    def visit(floor, trail):
        if state.get(floor) == "done":
            return
        if state.get(floor) == "open":
            problems.append("cycle of floors: " + " -> ".join(trail + [floor]))
            return
        state[floor] = "open"
        for edge in sorted(allowed.get(floor, ())):
            visit(edge, trail + [floor])
        state[floor] = "done"
        order.append(floor)

    for floor in sorted(allowed):
        visit(floor, [])
    for problem in problems:
        print(problem)
    if checked == 0:
        problems.append("nothing checked")
    print(f"floors: {checked} includes checked, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
