#!/usr/bin/env python3
"""Backups of real nodes, created and restored by processes that are killed with SIGKILL at any moment: nothing half is ever in place."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from free_ports import free_base

CAIRN = ROOT / "build/release/cairn"


class Backup(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="cairn-backup-"))
        cls.environment = dict(os.environ, CAIRN_DEV_DIR=str(cls.folder / "net"), HOME=str(cls.folder))
        cls.cairn("dev", "up", "--base-port", str(free_base(40)))
        for number in range(12):
            document = cls.folder / f"document-{number}"
            document.write_text(f"a planted document {number} of {cls.folder}\n")
            cls.cairn("record", "add", document)
        cls.data = cls.folder / "net/nodes/delta-1/data"

    @classmethod
    def tearDownClass(cls):
        cls.cairn("dev", "down", "--wipe", expect=None)
        shutil.rmtree(cls.folder, ignore_errors=True)

    @classmethod
    def cairn(cls, *words, expect=0, timeout=180):
        done = subprocess.run([CAIRN, *map(str, words)], env=cls.environment, capture_output=True, text=True, timeout=timeout)
        if expect is not None and done.returncode != expect:
            raise AssertionError(f"cairn {words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def killed(self, delay, *words):
        """Starts a command, kills it after `delay` seconds; true if it had ended before."""
        process = subprocess.Popen([CAIRN, *map(str, words)], env=self.environment, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=delay)
            return True
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return False

    def verify(self, path):
        """Once the killed command's signer has noticed and let go of the keys."""
        for _ in range(100):
            done = self.cairn("backup", "verify", path, "--node", "delta-1", expect=None)
            if done.returncode == 0 or "CRN-SIG" not in done.stderr:
                return done
            time.sleep(0.1)
        return done

    def test_killed_creations_and_restores_leave_nothing_half(self):
        # The node itself is killed while it makes one.
        path = self.folder / "running.backup"
        process = subprocess.Popen([CAIRN, "backup", "create", "--node", "delta-1", "--out", path], env=self.environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.03)
        self.cairn("dev", "kill", "delta-1")
        process.wait()
        if path.exists():
            self.assertEqual(self.verify(path).returncode, 0)

        # A stopped node's, by a command that is killed.
        made = killed = 0
        delay = 0.01
        while made < 2 and delay < 30:
            path = self.folder / f"stopped-{delay}.backup"
            ended = self.killed(delay, "backup", "create", "--node", "delta-1", "--out", path)
            delay = delay * 1.4 + 0.03
            if not path.exists():
                self.assertFalse(ended and made, "ended without a backup")
                killed += 1
                continue
            done = self.verify(path)
            self.assertEqual(done.returncode, 0, done.stderr)
            made += 1
        self.assertGreater(made, 0)
        self.assertGreater(killed, 0)
        backup = path
        self.assertNotIn(b"planted", backup.read_bytes())

        # The audit log of a node that does not run is opened with its keys, or not at all.
        log, config = self.data / "audit", self.data.parent / "node.toml"
        self.assertIn("CRN-AUD-0011", self.cairn("audit", "verify", log, expect=1).stderr)
        self.cairn("audit", "verify", log, "--config", config, "--live")
        self.assertIn("node: started", self.cairn("node", "log", "delta-1").stdout)

        # Restores that are killed; each begins with a directory that has nothing but the counter of the signer.
        whole = nothing = 0
        delay = 0.02
        while whole < 2 and delay < 60:
            for entry in self.data.iterdir():
                if entry.name != "signer.witness":
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            self.killed(delay, "backup", "restore", backup, "--node", "delta-1", "--behind")
            delay = delay * 1.4 + 0.05
            entries = {entry.name for entry in self.data.iterdir()} if self.data.exists() else set()
            if "blocks" not in entries:
                self.assertLessEqual(entries, {"signer.witness"})
                nothing += 1
                time.sleep(0.3)
                continue
            self.assertGreaterEqual(entries, {"blocks", "ordered", "state", "keys"})
            self.assertFalse(self.data.with_name("data.restoring").exists())
            whole += 1
            time.sleep(0.3)
        self.assertGreater(whole, 0)
        self.assertGreater(nothing, 0)

        # What was restored last starts, catches up, and is the same chain.
        self.cairn("dev", "restart", "delta-1")
        nodes = json.loads(self.cairn("dev", "status", "--json").stdout)["nodes"]
        rpc = next(node["rpc"] for node in nodes if node["name"] == "delta-1")
        self.cairn("record", "show", self.folder / "document-11", "--rpc", rpc)

    def test_backup_of_the_running_node_is_made_by_two_administrators_too(self):
        path = self.folder / "by-administrator.backup"
        people = self.folder / "net/organisations/alpha/administrators"

        def give(person, *words):
            return json.loads(self.cairn("admin", *words, "--node", "alpha-1", "--identity", people / person,
                                         "--second-factor", self.folder / person, "--json").stdout)
        for person in ("system-1", "system-2", "security-1", "security-2"):
            self.cairn("admin", "enrol", "--node", "alpha-1", "--identity", people / person, "--out", self.folder / person)
        digest = give("system-1", "backup", path)["waits"]
        time.sleep(1)
        self.assertFalse(path.exists() or path.with_name(path.name + ".partial").exists(), "nobody has confirmed it")
        give("system-2", "confirm", digest)
        for _ in range(100):
            if path.exists():
                break
            time.sleep(0.1)
        report = json.loads(self.cairn("backup", "verify", path, "--node", "alpha-1", "--json").stdout)
        self.assertEqual(report["node"], "alpha-1")
        self.assertGreaterEqual(report["height"], 1)
        log = self.folder / "net/nodes/alpha-1/data/audit"
        events = json.loads(self.cairn("audit", "query", log, "--action", "backup.create", "--json").stdout)["events"]
        self.assertTrue(any(event["object"] == str(path) for event in events), events)

        # The version of the key that it is under ends by two persons as well, and the backup with it.
        self.cairn("backup", "key", "rotate", "--node", "alpha-1")
        digest = give("security-1", "retire-backup-key", report["key_version"])["waits"]
        self.cairn("backup", "verify", path, "--node", "alpha-1")
        give("security-2", "confirm", digest)
        self.assertIn("CRN-STO-0008", self.cairn("backup", "verify", path, "--node", "alpha-1", expect=None).stderr)


if __name__ == "__main__":
    unittest.main()
