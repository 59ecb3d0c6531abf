#!/usr/bin/env python3
"""Runs every command block of a document, in order, in one shell and an empty folder.

Blocks fenced as ```sh are run with `set -e`; a block whose first line is `# expect: refused` must fail. The binary
`cairn` is on the PATH. So that a document can be tested beside a running network, the ports it names (from 8545 and from
30300 on) are moved to free ranges, and `cairn dev up` gets the same one.

Usage: run_doc.py FILE.md [--keep]
"""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from free_ports import free_base

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLIENT_PORTS, NODE_PORTS = 8545, 30300
PORTS = 16


def blocks(text):
    for match in re.finditer(r"^```sh\n(.*?)^```", text, re.S | re.M):
        yield text[: match.start()].count("\n") + 1, match.group(1)


def main():
    document = pathlib.Path(sys.argv[1]).resolve()
    base = free_base(4 * PORTS)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cairn-doc-"))
    script = ["set -u"]
    count = 0
    for line, body in blocks(document.read_text()):
        for offset in range(PORTS):
            body = re.sub(rf"\b{CLIENT_PORTS + offset}\b", str(base + offset), body)
            body = re.sub(rf"\b{NODE_PORTS + offset}\b", str(base + PORTS + offset), body)
        body = re.sub(r"cairn dev up\b(?!.*--base-port)", f"cairn dev up --base-port {base}", body)
        refused = body.startswith("# expect: refused")
        count += 1
        script.append(f"echo '--- {document.name}:{line}'")
        if refused:
            script.append(f"if ( set -e\n{body}\n); then echo 'accepted, but must be refused'; exit 1; fi")
        else:
            script.append(f"set -e\n{body}\nset +e")
    if count == 0:
        raise SystemExit(f"{document}: no command blocks")
    shutil.copy(ROOT / "README.md", folder / "README.md")
    environment = dict(os.environ, PATH=f"{ROOT / 'build/release'}:{os.environ['PATH']}", CAIRN_SOURCE=str(ROOT),
                       HOME=str(folder), XDG_CONFIG_HOME=str(folder / ".config"), XDG_DATA_HOME=str(folder / ".data"),
                       XDG_STATE_HOME=str(folder / ".state"))
    try:
        shell = subprocess.Popen(["bash", "-c", "\n".join(script)], cwd=folder, env=environment, start_new_session=True)
        status = shell.wait(timeout=600)
    finally:
        # What a failed document left in the background would hold its ports, and our output, for ever.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
        for state in list(folder.rglob("genesis.json")):
            subprocess.run([ROOT / "build/release/cairn", "dev", "down", "--wipe", "--dir", state.parent],
                           env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if "--keep" not in sys.argv:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{document.relative_to(ROOT)}: {count} blocks, {'1 failed' if status else 'all passed'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
