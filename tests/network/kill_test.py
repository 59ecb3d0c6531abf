#!/usr/bin/env python3
"""Four real validators in processes of their own, killed with SIGKILL at any time. Nothing acknowledged may be lost.

The acknowledged facts are kept here, outside the network: every document whose recording the CLI reported as final must be
found on every node that runs, for ever.
"""
import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from free_ports import free_base

CAIRN = ROOT / "build/release/cairn"
RECORDS = "0x000000000000000000000000000000000000ca02"


class Network:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cairn-kill-"))
        self.environment = dict(os.environ, CAIRN_DEV_DIR=str(self.folder / "net"), HOME=str(self.folder))
        self.acknowledged = []
        self.counter = 0
        self.seen = 0
        self.state = json.loads(self.cairn("dev", "up", "--base-port", str(free_base(40)), "--json"))

    def cairn(self, *words, expect=0, timeout=120):
        done = subprocess.run([CAIRN, *words], env=self.environment, capture_output=True, text=True, timeout=timeout)
        if expect is not None and done.returncode != expect:
            raise AssertionError(f"cairn {' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout if expect is not None else done

    def names(self):
        return [node["name"] for node in self.state["nodes"]]

    def status(self):
        return {node["name"]: node for node in json.loads(self.cairn("dev", "status", "--json"))["nodes"]}

    def rpc(self, name, method, *params):
        url = next(node["rpc"] for node in self.state["nodes"] if node["name"] == name)
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(url, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            reply = json.load(answer)
        if "error" in reply:
            raise AssertionError(f"{method}: {reply['error']}")
        return reply["result"]

    def height(self, name):
        return int(self.rpc(name, "eth_blockNumber"), 16)

    def record(self, through, timeout_s=60, expect=0, sender=0):
        """Records a fresh document through one node; it counts as acknowledged when the CLI says that it is final.
        Two nodes that do not see each other would give one account the same nonce twice: then name another sender."""
        self.wait_for_height(through, self.seen)  # so that it knows the sender's last nonce
        self.counter += 1
        path = self.folder / f"document-{self.counter}"
        path.write_text(f"document {self.counter} of {self.folder}\n")
        url = next(node["rpc"] for node in self.state["nodes"] if node["name"] == through)
        done = self.cairn("record", "add", str(path), "--rpc", url, "--from", f"dev:{sender}", "--timeout", str(timeout_s), expect=None,
                          timeout=timeout_s + 60)
        if done.returncode == 0:
            self.acknowledged.append(path)
            self.seen = max(self.seen, self.height(through))
        if expect == 0 and done.returncode != 0:
            raise AssertionError(f"record add: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def check_acknowledged(self, name):
        for path in self.acknowledged:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            # get(bytes32) of IRecords.sol reverts for a digest that was never recorded.
            shown = self.cairn("record", "show", "0x" + digest, "--rpc",
                               next(node["rpc"] for node in self.state["nodes"] if node["name"] == name), "--json")
            assert digest in shown, (name, path)

    def wait_for_height(self, name, height, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if self.height(name) >= height:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"{name} did not reach height {height} in {seconds} s")

    def close(self):
        self.cairn("dev", "down", "--wipe", expect=None)
        shutil.rmtree(self.folder, ignore_errors=True)


class Killed(unittest.TestCase):
    def setUp(self):
        self.network = Network()
        self.addCleanup(self.network.close)

    def same_blocks(self, names, height):
        for number in {1, height // 2, height} - {0}:
            hashes = {self.network.rpc(name, "eth_getBlockByNumber", hex(number), False)["hash"] for name in names}
            self.assertEqual(len(hashes), 1, f"block {number} differs between {names}")

    def test_one_killed_validator_goes_unnoticed_and_catches_up(self):
        net = self.network
        names = net.names()
        net.record(names[0])
        net.cairn("dev", "kill", names[3])
        for name in names[:3]:
            net.record(name)
        net.cairn("dev", "restart", names[3])
        net.record(names[1])
        height = net.height(names[1])
        for name in names:
            net.wait_for_height(name, height)
            net.check_acknowledged(name)
        self.same_blocks(names, height)

    def test_two_killed_validators_stop_the_chain_and_nothing_acknowledged_is_lost(self):
        net = self.network
        names = net.names()
        net.record(names[0])
        net.cairn("dev", "kill", names[2])
        net.cairn("dev", "kill", names[3])
        time.sleep(1)  # for an empty block after the record that had its votes when the two were killed
        before = net.height(names[0])
        done = net.record(names[0], timeout_s=4, expect=None, sender=1)
        self.assertNotEqual(done.returncode, 0, "a block was final without a quorum")
        self.assertEqual(net.height(names[0]), before)
        net.cairn("dev", "restart", names[2])
        net.record(names[1])
        for name in names[:3]:
            net.wait_for_height(name, net.height(names[1]))
            net.check_acknowledged(name)

    def test_all_killed_at_once_again_and_again(self):
        net = self.network
        names = net.names()
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        print(f"seed {seed}", flush=True)
        for _ in range(3):
            for _ in range(chance.randrange(1, 4)):
                net.record(chance.choice(names))
            for name in chance.sample(names, 4):
                net.cairn("dev", "kill", name)
            for name in names:
                net.cairn("dev", "restart", name, expect=None)
        net.record(names[0])
        height = net.height(names[0])
        for name in names:
            net.wait_for_height(name, height)
            net.check_acknowledged(name)
        self.same_blocks(names, height)

    def test_an_idle_network_is_small(self):
        for name, node in self.network.status().items():
            status = pathlib.Path(f"/proc/{node['pid']}/status").read_text()
            resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
            print(f"{name}: {resident // 1024} MiB", flush=True)
            self.assertLess(resident, 200 * 1024)


if __name__ == "__main__":
    unittest.main(verbosity=2)
