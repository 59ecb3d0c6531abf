#!/usr/bin/env python3
"""What we say about security must be what the tests show.

- docs/security/compliance.md: every row 1 to 89 once; its state is `tested`, `partly`, `site` or `not yet`; `tested` and `partly` name tests
  that exist, `site`, `partly` and `not yet` give their reason.
- docs/security/threats.md: every row names tests that exist, and each letter of STRIDE occurs.
- scripts/sbom.py: every library that the loader takes is in the document; a planted vulnerable version is reported, a mended one is not.
- the binary is built with what the compiler offers against exploits, and starts no shell.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SECURITY = ROOT / "docs/security"
BINARY = ROOT / "build/release/cairn"


def known_tests():
    """`Suite.name` of every GoogleTest, and the path of every test script."""
    out = set()
    for source in (ROOT / "src").glob("*/*_test.cpp"):
        out |= {f"{suite}.{name}" for suite, name in re.findall(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", source.read_text(), re.M)}
    for source in (ROOT / "src").glob("*/*_fuzz.cpp"):
        out.add(source.stem)
    for script in (ROOT / "tests").rglob("*"):
        if script.suffix in {".py", ".sh", ".ts", ".mjs"} and "node_modules" not in script.parts:
            out.add(str(script.relative_to(ROOT)))
    for script in ("scripts/reproducible.sh", "bench/switches.py"):
        assert (ROOT / script).exists()
        out.add(script)
    for page in (ROOT / "docs/how-to").glob("*.md"):
        out.add(str(page.relative_to(ROOT)))
    return out


def table(path, columns):
    rows = []
    for line in path.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == columns and not set(cells[0]) <= set("-: "):
            rows.append(cells)
    return rows[1:]


def named_tests(cell):
    return re.findall(r"`([^`]+)`", cell)


class Compliance(unittest.TestCase):
    def test_rows_are_complete_and_their_tests_exist(self):
        rows = table(SECURITY / "compliance.md", 5)
        numbers = [row[0] for row in rows if row[0].isdigit()]
        self.assertEqual([int(number) for number in numbers], list(range(1, 90)))
        tests = known_tests()
        for number, _, state, _, evidence in rows:
            if not number.isdigit():
                continue
            with self.subTest(row=number):
                self.assertIn(state, {"tested", "partly", "site", "not yet"})
                named = named_tests(evidence)
                for name in named:
                    self.assertTrue(name in tests, f"no test {name}")
                if state in {"tested", "partly"}:
                    self.assertTrue(named, "no test is named")
                else:
                    self.assertGreater(len(evidence), 10, "no reason is given")

    def test_threats_name_their_tests(self):
        rows = table(SECURITY / "threats.md", 5)
        self.assertGreater(len(rows), 100)
        tests = known_tests()
        letters = set()
        for _, threat, letter, _, evidence in rows:
            with self.subTest(threat=threat):
                letters |= set(letter.replace(" ", "").replace(",", ""))
                self.assertTrue(named_tests(evidence), "no test is named")
                for name in named_tests(evidence):
                    self.assertTrue(name in tests, f"no test {name}")
        self.assertEqual(letters, set("STRIDE"))


class Hardening(unittest.TestCase):
    def readelf(self, flags):
        return subprocess.run(["readelf", flags, BINARY], check=True, capture_output=True, text=True).stdout

    def test_position_independent_with_protected_stack_and_relocations(self):
        self.assertRegex(self.readelf("-hW"), r"Type:\s+DYN \(Position-Independent Executable")
        segments = self.readelf("-lW")
        self.assertRegex(segments, r"GNU_STACK.* RW +0x")  # not RWE
        self.assertIn("GNU_RELRO", segments)
        self.assertNotRegex(segments, r"LOAD.* RWE ")
        symbols = self.readelf("-sW")
        self.assertIn("__stack_chk_fail", symbols)
        self.assertRegex(symbols, r" __(memcpy|memset|read|recv|fdelt|snprintf)_chk@", "built with _FORTIFY_SOURCE")
        dynamic = self.readelf("-dW")
        self.assertRegex(dynamic, r"FLAGS.*NOW")
        self.assertNotRegex(dynamic, r"RPATH|RUNPATH|TEXTREL")

    def test_no_shell_is_started(self):
        imported = {line.split()[7].split("@")[0] for line in self.readelf("-sW").splitlines() if " UND " in line and len(line.split()) > 7}
        self.assertGreater(len(imported), 100)
        self.assertFalse(imported & {"system", "popen", "wordexp"}, "the C library's ways to a shell")


class Sbom(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name) / "sbom.json"
        subprocess.run([ROOT / "scripts/sbom.py", "--out", cls.path], check=True)
        cls.sbom = json.loads(cls.path.read_text())

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def match(self, package, fixed):
        advisories = pathlib.Path(self.folder.name) / "advisories.json"
        advisories.write_text(json.dumps([{"id": "PLANTED-1", "affected": [
            {"package": {"name": package}, "ranges": [{"events": [{"introduced": "0"}, {"fixed": fixed}]}]}]}]))
        return subprocess.run([ROOT / "scripts/sbom.py", "--match", self.path, advisories], capture_output=True, text=True)

    def test_every_library_of_the_loader_is_in_it(self):
        described = " ".join(package["sourceInfo"] for package in self.sbom["packages"])
        names = {package["name"] for package in self.sbom["packages"]}
        needed = re.findall(r"Shared library: \[(\S+)\]",
                            subprocess.run(["readelf", "-d", BINARY], check=True, capture_output=True, text=True).stdout)
        self.assertGreater(len(needed), 5)
        for library in needed:
            found = subprocess.run(["dpkg", "-S", f"*/{library}"], capture_output=True, text=True).stdout
            # Other architectures have a library of the same name.
            owners = {line.split(":")[0] for line in found.splitlines()}
            self.assertTrue(owners & names, f"{library} of {owners} is missing from {described}")

    def test_document_has_what_spdx_asks_for(self):
        for key in ("spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo"):
            self.assertIn(key, self.sbom)
        ids = [package["SPDXID"] for package in self.sbom["packages"]]
        self.assertEqual(len(ids), len(set(ids)))
        for relationship in self.sbom["relationships"]:
            for end in ("spdxElementId", "relatedSpdxElement"):
                self.assertIn(relationship[end], {"SPDXRef-DOCUMENT", *ids})

    def test_planted_vulnerable_version_is_reported(self):
        hit = self.match("openssl", "99:1")
        self.assertEqual(hit.returncode, 1)
        self.assertIn("PLANTED-1: libssl3", hit.stdout)

    def test_mended_version_is_not_reported(self):
        self.assertEqual(self.match("openssl", "0.1").returncode, 0)
        self.assertEqual(self.match("no-such-package", "99:1").returncode, 0)


if __name__ == "__main__":
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
