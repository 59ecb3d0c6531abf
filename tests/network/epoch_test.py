#!/usr/bin/env python3
"""Voting keys are replaced on four real validators while documents are recorded and validators are killed with SIGKILL in the handover,
one at a time and all at once. Nothing acknowledged may be lost, and the network goes on in the new epoch."""
import json
import os
import pathlib
import random
import re
import sys
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "network"))
from kill_test import Network

SEED = int(os.environ.get("CAIRN_SEED", "0")) or random.randrange(1, 1 << 32)


class Epochs(unittest.TestCase):
    def setUp(self):
        print(f"CAIRN_SEED={SEED}", flush=True)
        self.chance = random.Random(SEED)
        self.net = Network()
        self.addCleanup(self.net.close)
        self.folder = self.net.folder / "net"
        self.administrators = sorted((self.folder / "organisations").glob("*/administrator.key"))
        self.proposals = 0

    def propose_key(self, name, file):
        """Makes a voting key for the validator, has its node know it, and decides; not carried out yet."""
        net = self.net
        net.cairn("signer", "voting-key", "--out", str(file), "--validator", name, "--genesis",
                  str(self.folder / "genesis.json"), "--passphrase-file", str(self.folder / "signer.passphrase"))
        config = self.folder / "nodes" / name / "node.toml"
        text = config.read_text()
        if "voting_keys" in text:
            text = re.sub(r"voting_keys = \[(.*)\]", lambda m: f'voting_keys = [{m[1]}, "{file}"]', text)
        else:
            text = re.sub(r"(?m)^passphrase_file", f'voting_keys = ["{file}"]\npassphrase_file', text)
        config.write_text(text)
        net.cairn("dev", "kill", name)
        net.cairn("dev", "restart", name)
        net.wait_for_height(name, net.seen)
        self.proposals += 1
        url = self.net.state["nodes"][0]["rpc"]
        net.cairn("validator", "replace-key", name, "--proof", f"{file}.proof", "--reason", "rotation", "--rpc", url,
                  "--key-file", str(self.administrators[0]))
        for administrator in self.administrators[1:3]:
            net.cairn("proposal", "approve", str(self.proposals), "--rpc", url, "--key-file", str(administrator))
        for _ in range(2):  # the delay
            net.record(net.names()[0])

    def carry_out(self, expect=0):
        return self.net.cairn("proposal", "execute", str(self.proposals), "--rpc", self.net.state["nodes"][0]["rpc"],
                              "--key-file", str(self.administrators[0]), expect=expect)

    def epoch(self, name):
        try:
            return int(self.net.rpc(name, "cairn_getValidators")["epoch"], 16)
        except OSError:
            return -1

    def wait_for_epoch(self, names, epoch, seconds=90):
        deadline = time.monotonic() + seconds
        while any(self.epoch(name) < epoch for name in names):
            self.assertLess(time.monotonic(), deadline, {name: self.epoch(name) for name in names})
            time.sleep(0.1)

    def check(self, epoch):
        names = self.net.names()
        self.wait_for_epoch(names, epoch)
        self.net.record(names[epoch % 4])
        for name in names:
            self.net.wait_for_height(name, self.net.seen)
            self.net.check_acknowledged(name)
        height = self.net.seen
        for number in (1, height // 2, height):
            hashes = {self.net.rpc(name, "eth_getBlockByNumber", hex(number), False)["hash"] for name in names}
            self.assertEqual(len(hashes), 1, f"block {number}")

    def restart(self, name):
        self.net.cairn("dev", "kill", name)
        self.net.cairn("dev", "restart", name)
        self.net.wait_for_height(name, self.net.seen)

    def anchored(self, name, seal_keys):
        """Has the node anchor its log, until the chain knows so many seal keys and the newest event that was asked for."""
        net = self.net
        deadline = time.monotonic() + 60
        anchors = net.folder / f"{name}-{seal_keys}.json"
        while True:
            net.record(name)
            net.cairn("admin", "anchor", "--node", name)
            time.sleep(1)
            anchors.unlink(missing_ok=True)
            net.cairn("audit", "anchors", "--node", name, "--rpc", net.state["nodes"][0]["rpc"], "--out", str(anchors), expect=None)
            known = json.loads(anchors.read_text()) if anchors.exists() else {"seal_keys": []}
            if len(known["seal_keys"]) >= seal_keys:
                return anchors, known
            self.assertLess(time.monotonic(), deadline, known)

    def test_an_audit_key_made_after_the_voting_key_was_replaced_is_introduced(self):
        net = self.net
        name = net.names()[1]
        net.record(name)
        self.anchored(name, 1)
        self.propose_key(name, net.folder / "next.sealed")
        self.carry_out()
        self.wait_for_epoch(net.names(), 1)
        keys = next((self.folder / "organisations").glob(f"*/validators/{name}/keys.sealed"))
        net.cairn("signer", "replace-audit-key", "--keys", str(keys), "--passphrase-file", str(self.folder / "signer.passphrase"))
        self.restart(name)
        anchors, known = self.anchored(name, 2)
        audit_key = json.loads(net.cairn("signer", "show", "--keys", str(keys), "--json"))["audit_key"]
        self.assertEqual(known["seal_keys"][-1], audit_key)
        genesis = self.folder / "genesis.json"
        handovers, log = net.folder / "handovers.json", net.folder / "log.audit"
        net.cairn("validator", "handovers", "--out", str(handovers), "--genesis", str(genesis), "--rpc", net.state["nodes"][2]["rpc"])
        net.cairn("audit", "export", str(self.folder / "nodes" / name / "data" / "audit"), "--format", "evidence", "--out", str(log))
        report = json.loads(net.cairn("audit", "verify", str(log), "--node", name, "--genesis", str(genesis), "--handovers",
                                      str(handovers), "--anchors", str(anchors), "--json"))
        self.assertEqual(report["findings_total"], 0, report)
        self.assertEqual(len(report["seal_keys"]), 2)
        self.assertGreaterEqual(report["anchors_met"], 2)
        # Doctor knows the new voting key, and that the certificate names the one before.
        doctor = json.loads(net.cairn("doctor", "--config", str(self.folder / "nodes" / name / "node.toml"), "--json"))
        found = {one["check"]: one for one in doctor["findings"]}
        self.assertIn("epoch 1", found[f"{self.folder / 'nodes' / name / 'node.toml'} epochs"]["what"])
        self.assertIn("a key that it had before", found[f"{name} certificate"]["what"])
        self.assertEqual(doctor["problems"], 0, doctor)
        pack = net.folder / "pack"
        compliance = json.loads(net.cairn("compliance", "report", "--out", str(pack), "--json", expect=None).stdout)
        passed = {one["check"]: one["passed"] for one in compliance["checks"]}
        self.assertTrue(passed["epochs"] and passed["node-ports"] and passed["agreement"], compliance)
        verified = json.loads(net.cairn("compliance", "verify", str(pack), "--genesis", str(genesis), "--json"))
        self.assertEqual(verified["epoch"], 1)

    def test_keys_are_replaced_while_validators_are_killed(self):
        net = self.net
        names = net.names()
        net.record(names[0])
        for epoch in range(1, 5):
            name = names[epoch % 4]
            self.propose_key(name, net.folder / f"key-{epoch}.sealed")
            # One that is neither asked nor recorded through; in the third round it is the one whose key changes.
            victim = self.chance.choice(names[1:]) if epoch != 3 else name
            through = next(other for other in names if other not in (victim, names[0]))
            stop = threading.Event()
            failures = []

            def load():
                while not stop.is_set():
                    try:
                        net.record(through, sender=1)
                    except Exception as failure:  # told below, by the test's own thread
                        failures.append(failure)
                        return

            thread = threading.Thread(target=load)
            thread.start()
            self.carry_out()
            time.sleep(self.chance.uniform(0, 1.0))
            net.cairn("dev", "kill", victim)
            self.wait_for_epoch([other for other in names if other != victim], epoch)
            time.sleep(0.5)
            net.cairn("dev", "restart", victim)
            self.wait_for_epoch([victim], epoch)
            stop.set()
            thread.join()
            self.assertEqual(failures, [])
            self.check(epoch)

        # All at once, as early as the decision may be final.
        self.propose_key(names[1], net.folder / "key-5.sealed")
        self.carry_out()
        time.sleep(self.chance.uniform(0, 0.6))
        for name in names:
            net.cairn("dev", "kill", name)
        for name in names:
            net.cairn("dev", "restart", name, "--timeout", "3", expect=None)  # there is no quorum at first
        self.check(5)
        keys = [net.rpc(names[0], "cairn_getValidators", hex(e))["members"][1]["publicKey"] for e in range(6)]
        self.assertEqual(len(set(keys)), 3)  # of genesis, of epoch 1, of epoch 5


if __name__ == "__main__":
    unittest.main()
