#!/usr/bin/env python3
"""A leaked key on four real validators - of an account, of a person, a validator's TLS or voting key: one command stops it, and
afterwards no interface of any node accepts it. The account goes on under a new key with its address, nonce and balance; the chain
goes on without the validator."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from free_ports import free_base

CAIRN = ROOT / "build/release/cairn"
# Ours by name: whatever the key is refused for, it is for its own state.
KEY_REFUSALS = ("CRN-KEY-0001", "CRN-KEY-0002", "CRN-KEY-0003")
SEND = ("tx", "send", "--to", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "--value", "1wei")


class Network(unittest.TestCase):
    has_failed = False

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="cairn-leak-"))
        cls.environment = dict(os.environ, CAIRN_DEV_DIR=str(cls.folder / "net"), HOME=str(cls.folder))
        cls.state = json.loads(cls.cairn("dev", "up", "--base-port", str(free_base(40)), "--json"))
        cls.nodes = [node["rpc"] for node in cls.state["nodes"]]
        cls.administrators = sorted((cls.folder / "net/organisations").glob("*/administrator.key"))

    @classmethod
    def tearDownClass(cls):
        subprocess.run([CAIRN, "dev", "down"], env=cls.environment, capture_output=True)
        if cls.has_failed:
            print(f"the network's files are kept: {cls.folder}", file=sys.stderr)
        else:
            shutil.rmtree(cls.folder, ignore_errors=True)

    def run(self, result=None):
        """What the nodes said stands behind a failure."""
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) == before:
            return
        type(self).has_failed = True
        for log in sorted(self.folder.glob("net/nodes/*/node.log")):
            lines = log.read_text(errors="replace").splitlines()[-60:]
            print(f"==> {log}", *lines, sep="\n", file=sys.stderr)

    @classmethod
    def run_cairn(cls, *words, environment=None):
        return subprocess.run([CAIRN, *map(str, words)], env=environment or cls.environment, capture_output=True, text=True,
                              timeout=120, cwd=cls.folder)

    @classmethod
    def cairn(cls, *words, environment=None):
        done = cls.run_cairn(*words, environment=environment)
        if done.returncode != 0:
            raise AssertionError(f"cairn {' '.join(map(str, words))}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def refused(self, *words):
        done = self.run_cairn(*words)
        self.assertNotEqual(done.returncode, 0, f"accepted: {' '.join(map(str, words))}\n{done.stdout}")
        return done.stderr

    def rpc(self, url, method, *parameters):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
        request = urllib.request.Request(url, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def secret(self, name, text):
        path = self.folder / name
        path.write_text(text + "\n")
        path.chmod(0o600)
        return path

    def is_connected(self, url, name):
        peers = self.rpc(url, "cairn_nodeStatus")["result"]["peers"]
        return next(p["connected"] for p in peers if p["name"] == name)

    def wait(self, condition, what, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.05)
        self.fail(what)

    def assert_matrix(self, probes, used):
        """Every interface is stated; `used` are those where a key of this class has a use, and all of them refuse it."""
        for name in ("client", "peer", "admin", "consensus", "storage", "restore"):
            outcomes = {p["outcome"] for p in probes if p["interface"] == name}
            self.assertTrue(outcomes, name)
            self.assertLessEqual(outcomes, {"refused", "not applicable"} if name in used else
                                 {"not applicable", "not present", "not probed"}, (name, probes))
            self.assertEqual("refused" in outcomes, name in used, (name, probes))


class LeakedKey(Network):
    def reset(self, account, proof, delay):
        """Proposed by one organisation, approved by two more."""
        proposed = json.loads(self.cairn("key", "reset", "propose", account, "--proof", proof, "--delay", delay, "--reason",
                                         "drill", "--key-file", self.administrators[0], "--json"))
        for administrator in self.administrators[1:3]:
            self.cairn("proposal", "approve", proposed["proposal"], "--key-file", administrator)

    def uses_of(self, url, address, since):
        key = "0x" + "00" * 12 + address[2:].lower()
        findings = self.rpc(url, "cairn_keyImpact", key, hex(since))["result"]["findings"]
        return sum(f["count"] for f in findings if f["what"] == "signed-with" and f["via"] == key)

    def test_an_incident_stops_the_key_everywhere_and_the_account_goes_on(self):
        account = self.state["accounts"][3]["address"]
        leaked = self.secret("leaked.key", self.state["accounts"][3]["private_key"])
        new = self.secret("new.key", "0x" + "5e" * 32)
        self.cairn(*SEND, "--from", "dev:3")
        contract = self.cairn("contract", "deploy", ROOT / "tests/cli/Counter.json", "7", "--from", "dev:3", "--json")
        deployed = json.loads(contract)["contractAddress"].lower()

        # A thief who sends all the time, to every node.
        stop = threading.Event()
        thief = []

        def steal(url):
            while not stop.is_set():
                done = self.run_cairn(*SEND, "--key-file", leaked, "--rpc", url, "--async")
                thief.append(done.returncode)

        thieves = [threading.Thread(target=steal, args=(url,)) for url in self.nodes]
        for one in thieves:
            one.start()
        try:
            opened = json.loads(self.cairn("key", "incident", "open", account, "--reason", "drill", "--key-file",
                                           self.administrators[0], "--old-key-file", leaked, "--out", "evidence", "--json"))
        finally:
            stop.set()
            for one in thieves:
                one.join()
        block = opened["stopped_in_block"]
        self.assertLessEqual(opened["blocks_until_stopped"], 6, "a busy chain makes blocks while the command reaches it")
        clients = [p for p in opened["probes"] if p["interface"] == "client"]
        self.assertEqual(len(clients), 4)
        for probe in clients:
            self.assertEqual((probe["outcome"], probe["code"]), ("refused", "CRN-KEY-0002"), probe)
        consensus = [p for p in opened["probes"] if p["interface"] == "consensus"]
        self.assertEqual([p["outcome"] for p in consensus], ["refused"] * 4, consensus)
        impact = json.loads((self.folder / "evidence/impact.json").read_text())
        self.assertEqual([a["account"] for a in impact["accounts"]], [account.lower()])
        self.assertIn(deployed, [("0x" + f["other"][-40:]) for f in json.loads(
            self.cairn("key", "impact", account, "--json"))["findings"] if f["what"] == "deployed"])

        # Refused by every node, and in no block after the one of the quarantine.
        for url in self.nodes:
            self.assertIn("CRN-KEY-0002", self.refused(*SEND, "--key-file", leaked, "--rpc", url))
            self.assertEqual(self.uses_of(url, account, block + 1), 0)
        self.refused("key", "incident", "close", opened["incident"], "--key-file", self.administrators[0], "--old-key-file", leaked,
                     "--out", "too-early")  # the quarantine is provisional and nothing has replaced the key

        # Three of four organisations give the account a new key.
        self.cairn("key", "reset", "prove", account, "--to-key-file", new, "--out", "proof.json")
        self.reset(account, "proof.json", 0)
        closed = json.loads(self.cairn("key", "incident", "close", opened["incident"], "--key-file", self.administrators[0],
                                       "--old-key-file", leaked, "--out", "evidence", "--json"))
        self.assertTrue(closed["all_refused"])
        self.assertGreater(closed["closed_in_block"], block)
        self.cairn("key", "incident", "verify", "evidence")
        manifest = self.folder / "evidence/probes.json"
        manifest.write_text(manifest.read_text().replace("refused", "refusec", 1))
        self.assertIn("CRN-KEY-0011", self.refused("key", "incident", "verify", "evidence"))

        # The new key acts for the account, on every node; the old one is retired.
        before = int(self.rpc(self.nodes[0], "eth_getTransactionCount", account, "latest")["result"], 16)
        for url in self.nodes:
            receipt = json.loads(self.cairn(*SEND, "--key-file", new, "--rpc", url, "--json"))
            self.assertEqual(receipt["from"].lower(), account.lower())
            self.assertIn("CRN-KEY-0001", self.refused(*SEND, "--key-file", leaked, "--rpc", url))
        after = int(self.rpc(self.nodes[0], "eth_getTransactionCount", account, "latest")["result"], 16)
        self.assertEqual(after, before + 4)
        for url in self.nodes:
            self.assertEqual(self.uses_of(url, account, block + 1), 0)
        listed = json.loads(self.cairn("key", "incident", "list", "--json"))
        self.assertEqual(listed[opened["incident"]]["closed_at"], closed["closed_in_block"])

    def test_an_owner_rotates_and_a_lost_key_is_reset_with_time_to_object(self):
        account = self.state["accounts"][5]["address"]
        first = self.secret("first.key", "0x" + "61" * 32)
        second = self.secret("second.key", "0x" + "62" * 32)
        rotated = json.loads(self.cairn("key", "rotate", "--from", "dev:5", "--to-key-file", first, "--json"))
        self.assertEqual(rotated["account"], account)
        self.assertIn("CRN-KEY-0001", self.refused(*SEND, "--from", "dev:5"))
        self.cairn(*SEND, "--key-file", first)
        good = json.loads(self.cairn("key", "status-at", account, rotated["block"], "--json"))
        self.assertTrue(good["good"])
        self.cairn("key", "reset", "prove", account, "--to-key-file", second, "--out", "second.json")
        self.reset(account, "second.json", 5)
        self.assertIn("CRN-KEY-0005", self.refused(*SEND, "--key-file", first))
        self.cairn("key", "reset", "object", account, "--key-file", first)
        self.cairn(*SEND, "--key-file", first)
        self.reset(account, "second.json", 5)
        self.refused("key", "reset", "finish", account, "--from", "dev:0")
        for _ in range(5):
            self.cairn(*SEND, "--from", "dev:0")
        self.cairn("key", "reset", "finish", account, "--from", "dev:0")
        receipt = json.loads(self.cairn(*SEND, "--key-file", second, "--json"))
        self.assertEqual(receipt["from"].lower(), account.lower())
        self.assertIn("CRN-KEY-0001", self.refused(*SEND, "--key-file", first))

    def test_a_persons_key_opens_no_management_zone_any_more(self):
        stolen = self.folder / "stolen"
        shutil.copytree(self.folder / "net/organisations/alpha/administrators/system-1", stolen)
        self.cairn("admin", "status", "--node", "alpha-1", "--identity", stolen)
        opened = json.loads(self.cairn("key", "incident", "open", stolen / "identity.pem", "--reason", "laptop stolen",
                                       "--key-file", self.administrators[0], "--old-identity", stolen, "--out", "person",
                                       "--json"))
        self.assertTrue(opened["all_refused"], opened)
        self.assertLessEqual(opened["blocks_until_stopped"], 4)
        self.assertLess(opened["milliseconds_until_refused_everywhere"], 3000)
        self.assert_matrix(opened["probes"], {"admin"})
        self.assertIn("revoked", self.refused("admin", "status", "--node", "alpha-1", "--identity", stolen))
        self.cairn("key", "incident", "probe", opened["incident"], "--old-identity", stolen)
        # The organisation's CA is here, so there is a new key already, under the same name.
        self.assertEqual([(s["step"], s["state"]) for s in opened["replacement"]],
                         [("new key and certificate", "done"), ("entered in the register", "done")], opened)
        self.cairn("admin", "status", "--node", "alpha-1", "--identity", stolen.parent / "net/organisations/alpha/administrators/system-1")
        self.cairn("key", "incident", "close", opened["incident"], "--key-file", self.administrators[0], "--old-identity", stolen,
                   "--out", "person", "--json")


class ValidatorsKeys(Network):
    """The steps of two incidents, in the order of their names: each begins where the one before has ended."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.victim = next(n for n in cls.state["nodes"] if n["organisation"].lower() == "delta")
        cls.delta = next(a for a in cls.administrators if a.parent.name == "delta")
        cls.others = [n["rpc"] for n in cls.state["nodes"] if n is not cls.victim]
        cls.settings = cls.folder / "net/nodes" / cls.victim["name"] / "node.toml"
        cls.keys = cls.folder / "net/organisations/delta/validators" / cls.victim["name"]

    def setUp(self):
        if self.has_failed:
            self.skipTest("an earlier step has failed")

    def certificate(self):
        return self.settings.parent / tomllib.loads(self.settings.read_text())["network"]["tls_certificate"]

    def key_of(self, organisation, key_class):
        genesis = self.rpc(self.nodes[0], "cairn_getGenesis")["result"]
        genesis = json.loads(genesis) if isinstance(genesis, str) else genesis
        owner = next(o["account"] for o in genesis["organisations"] if o["name"].lower() == organisation)
        listed = json.loads(self.cairn("key", "list", "--json"))
        return next(k["id"] for k in listed if k["class"] == key_class and k["owner"].lower() == owner.lower())

    def members(self, url):
        return self.rpc(url, "cairn_getValidators")["result"]["members"]

    def incident(self, number):
        return json.loads(self.cairn("key", "incident", "show", number, "--json"))["incident"]

    def approve(self, opened, url):
        """By two more organisations, and the delay passes."""
        for administrator in self.administrators[:2]:
            self.cairn("proposal", "approve", self.proposed(opened), "--key-file", administrator)
        for _ in range(2):
            self.cairn(*SEND, "--from", "dev:1", "--rpc", url)

    def finish(self, command, file):
        """The same command carries out what was decided, and the validator votes with the new key."""
        name = self.victim["name"]
        replaced = json.loads(self.cairn(*command))
        self.assertEqual({s["state"] for s in replaced["replacement"]}, {"done"}, replaced)
        self.assertEqual((replaced["step"], replaced["replacement"][-1]["step"]), ("close", "taken up"))
        self.assertTrue(replaced["all_refused"], replaced)
        keys = {m["name"]: m["publicKey"].removeprefix("0x") for m in self.members(self.others[0])}
        self.assertIn(keys[name], pathlib.Path(file + ".proof").read_text())
        self.assertIn(keys[name], replaced["replacement"][-1]["detail"])
        for url in self.others:
            self.wait(lambda: self.is_connected(url, name), "the validator is not back")

    def kill_when(self, condition, words):
        """Whether the command still ran when it came true."""
        process = subprocess.Popen([CAIRN, *map(str, words)], env=self.environment, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, cwd=self.folder)
        while process.poll() is None and not condition():
            time.sleep(0.002)
        was_running = process.poll() is None
        process.kill()
        process.wait()
        return was_running

    def incident_command(self, voting, out):
        return ("key", "incident", "open", voting, "--reason", "disk sold", "--key-file", self.delta, "--out", out, "--json")

    def proposed(self, opened):
        return opened["replacement"][-1]["command"].split()[-1]

    def nodes_running(self):
        """Processes of the victim's node: whoever started them."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue  # it has ended
                if os.fsencode(self.settings) in words:
                    found.append(int(entry.name))
        return found

    def test_1_a_tls_key_is_cut_off_and_back_after_a_false_alarm(self):
        # Where neither the node nor the CA is, the key is stopped and the rest is left to those who have them.
        elsewhere = dict(self.environment, CAIRN_DEV_DIR=str(self.folder / "elsewhere"))
        nodes = [word for url in self.nodes for word in ("--node", url)]
        opened = json.loads(self.cairn("key", "incident", "open", self.certificate(), "--reason", "disk sold", "--key-file",
                                       self.delta, "--rpc", self.nodes[0], *nodes, "--out", "tls", "--json",
                                       environment=elsewhere))
        self.assertTrue(opened["all_refused"], opened)
        self.assert_matrix(opened["probes"], {"peer"})
        self.assertEqual([(s["step"], s["state"]) for s in opened["replacement"]], [("new TLS key", "left")], opened)
        for url in self.others:
            self.wait(lambda: not self.is_connected(url, self.victim["name"]), "still connected", 3)
        proposed = json.loads(self.cairn("key", "state", opened["key"], "active", "--reason", "false alarm", "--key-file",
                                         self.administrators[0], "--json"))["proposal"]
        for administrator in self.administrators[1:3]:
            self.cairn("proposal", "approve", proposed, "--key-file", administrator)
        for url in self.others:
            self.wait(lambda: self.is_connected(url, self.victim["name"]), "not connected again")

    def assert_replaced(self, opened, steps, out):
        self.assertEqual([(s["step"], s["state"]) for s in opened["replacement"]], [(step, "done") for step in steps], opened)
        self.assertEqual(opened["step"], "close", opened)
        self.assertTrue(opened["all_refused"], opened)
        for url in self.others:
            self.wait(lambda: self.is_connected(url, self.victim["name"]), "not connected again")
        closed = json.loads(self.cairn("key", "incident", "close", opened["incident"], "--key-file", self.delta, "--rpc",
                                       self.others[0], "--out", out, "--json"))
        self.assertGreater(closed["closed_in_block"], opened["stopped_in_block"])
        self.cairn("key", "incident", "verify", out)

    def test_1a_a_tls_key_is_replaced_by_one_command_that_may_be_killed(self):
        keys, certificate = self.keys / "keys.sealed", self.certificate()
        stolen = self.folder / "stolen.pem"
        shutil.copy(certificate, stolen)
        before = keys.read_bytes()
        command = ("key", "incident", "open", stolen, "--reason", "disk sold", "--key-file", self.delta, "--rpc", self.others[0],
                   "--out", "tls-replaced", "--json")
        kept = lambda: list(self.keys.glob("tls-replaced-*.pem")) # a killed run may leave one beside under another name
        kills = [self.kill_when(condition, command) for condition in (
            kept, lambda: keys.read_bytes() != before, lambda: certificate.read_bytes() != stolen.read_bytes())]
        self.assertGreaterEqual(sum(kills), 1, kills)
        opened = json.loads(self.cairn(*command))
        self.assertTrue(opened["resumed"])
        self.assert_replaced(opened, ["new TLS key", "certificate of the new TLS key", "node started again with the new key",
                                      "connected again", "entered in the register"], "tls-replaced")
        self.assertNotEqual(certificate.read_bytes(), stolen.read_bytes())
        self.assertEqual(len(kept()), 1)

    def test_1b_the_seal_key_of_an_audit_log_is_replaced_by_one_command(self):
        shown = json.loads(self.cairn("signer", "show", "--keys", self.keys / "keys.sealed", "--json"))
        opened = json.loads(self.cairn("key", "incident", "open", shown["audit_key"], "--reason", "disk sold", "--key-file",
                                       self.delta, "--rpc", self.others[0], "--out", "seal", "--json"))
        self.assert_matrix(opened["probes"], {"consensus"})
        self.assert_replaced(opened, ["new seal key", "node started again with the new key", "vouched for on chain",
                                      "entered in the register"], "seal")
        after = json.loads(self.cairn("signer", "show", "--keys", self.keys / "keys.sealed", "--json"))
        self.assertNotEqual(after["audit_key"], shown["audit_key"])
        anchors = json.loads(self.cairn("audit", "anchors", "--node", self.victim["name"], "--rpc", self.others[0], "--json"))
        self.assertEqual(anchors["seal_keys"][-1].removeprefix("0x"), after["audit_key"].removeprefix("0x"))

    def test_1c_a_ca_is_replaced_by_one_command_that_may_be_killed_and_its_node_comes_back(self):
        folder = self.folder / "net/organisations/delta"
        stopped = (folder / "ca.pem").read_bytes()
        # The file that names the CA is another CA's once the first is replaced: the command still means the one of its first run.
        command = ("key", "incident", "open", folder / "ca.pem", "--reason", "disk sold", "--key-file", self.delta, "--rpc",
                   self.others[0], "--out", "ca", "--json")
        kills = [self.kill_when((folder / "ca-next.pem").exists, command)]
        # Stopped, and nothing is in its place yet: nobody counts what this CA has signed, so its node is cut off and stays so.
        for url in self.others:
            self.wait(lambda: not self.is_connected(url, self.victim["name"]), "still connected", 5)
        kills += [self.kill_when(condition, command) for condition in (
            (folder / "ca-old.key").exists, lambda: list(folder.glob("ca-removed-*.pem")))]
        self.assertGreaterEqual(sum(kills), 1, kills)
        opened = json.loads(self.cairn(*command))
        self.assert_matrix(opened["probes"], {"peer", "admin"})
        self.assert_replaced(opened, ["next CA", "certificates by the next CA", "connected again", "stopped CA removed",
                                      "entered in the register"], "ca")
        self.assertNotEqual((folder / "ca.pem").read_bytes(), stopped)
        self.assertEqual([p.read_bytes() for p in folder.glob("ca-removed-*.pem")], [stopped])
        # The chain goes on with the node, and its people come in with the certificates of the next CA.
        self.cairn(*SEND, "--from", "dev:1", "--rpc", self.victim["rpc"])
        command = ("admin", "status", "--node", self.victim["name"], "--identity", folder / "administrators/system-1")
        self.wait(lambda: self.run_cairn(*command).returncode == 0, "the listener has not taken its new files")

    def test_2_a_voting_key_is_stopped_and_all_is_done_that_this_machine_can_do(self):
        voting = self.key_of("delta", "consensus")
        cls = type(self)
        cls.command = self.incident_command(voting, "voting")
        cls.opened = opened = json.loads(self.cairn(*self.command))
        self.assertTrue(opened["all_refused"], opened)
        self.assert_matrix(opened["probes"], {"peer", "consensus"})
        self.assertLessEqual(opened["blocks_until_stopped"], 2)
        self.assertLess(opened["milliseconds_until_refused_everywhere"], 3000)
        self.assertEqual([(s["step"], s["state"]) for s in opened["replacement"]],
                         [("new voting key", "done"), ("named in the node's configuration", "done"),
                          ("node started again with the new key", "done"), ("decision of the organisations", "left")], opened)
        self.assertEqual((opened["step"], opened["replacement"][-1]["for"]), ("replace", "2 more organisations"))
        self.assertEqual(self.settings.read_text().count("voting-after-incident"), 1)

        # The others go on without it, and count nothing that it signs.
        for url in self.others:
            self.assertFalse(self.is_connected(url, self.victim["name"]))
            self.cairn(*SEND, "--from", "dev:1", "--rpc", url)
        for url in self.others:
            findings = self.rpc(url, "cairn_keyImpact", voting, hex(opened["stopped_in_block"] + 3))["result"]["findings"]
            self.assertEqual([f for f in findings if f["what"] == "signed-with"], [])

        # One more would be one too many.
        alpha = self.key_of("alpha", "consensus")
        self.assertIn("stand still", self.refused("key", "incident", "open", alpha, "--reason", "x", "--key-file",
                                                  self.administrators[0], "--out", "no"))
        self.assertIn("stand still", self.refused("key", "state", alpha, "quarantined", "--reason", "x", "--key-file",
                                                  self.administrators[1]))

    def test_3_the_same_command_does_nothing_twice(self):
        config, noted = self.settings.read_text(), self.incident(self.opened["incident"])["steps"]
        again = json.loads(self.cairn(*self.command))
        self.assertEqual((again["resumed"], again["incident"]), (True, self.opened["incident"]))
        self.assertEqual(again["replacement"], self.opened["replacement"])
        self.assertEqual((self.settings.read_text(), self.incident(self.opened["incident"])["steps"]), (config, noted))

    def test_4_what_the_others_refused_is_proposed_again_with_the_same_key(self):
        for administrator in self.administrators[:2]:
            self.cairn("proposal", "object", self.proposed(self.opened), "--reason", "not yet", "--key-file", administrator)
        self.assertEqual(self.incident(self.opened["incident"])["closed_at"], 0)
        again = json.loads(self.cairn(*self.command))
        self.assertNotEqual(self.proposed(again), self.proposed(self.opened))
        self.assertEqual(again["replacement"][:3], self.opened["replacement"][:3])
        type(self).opened = again

    def test_5_the_same_command_carries_out_what_was_decided(self):
        self.approve(self.opened, self.others[0])
        self.finish(self.command, self.opened["replacement"][0]["detail"])
        self.cairn("key", "incident", "close", self.opened["incident"], "--key-file", self.delta, "--out", "voting", "--json")
        self.cairn("key", "incident", "verify", "voting")
        pack = json.loads((self.folder / "voting/incident.json").read_text())
        self.assertEqual([s["step"] for s in pack["steps"]][:4], ["quarantine", "impact", "owners notified", "probes"])
        self.assertEqual(pack["steps"][-1]["step"], "verified")

    def test_6_the_command_is_killed_in_each_step_and_goes_on(self):
        voting = next(m["publicKey"] for m in self.members(self.others[0]) if m["name"] == self.victim["name"])
        command = self.incident_command(voting, "killed")
        number = self.opened["incident"] + 1
        name = f"voting-after-incident-{number}"
        state = self.folder / "net/state.json"
        process = lambda: next(n["pid"] for n in json.loads(state.read_text())["nodes"] if n["name"] == self.victim["name"])
        before = process()
        proposals = lambda: [p for p in json.loads(self.cairn("proposal", "list", "--all", "--json"))
                             if p["reason"] == f"a new key after incident {number}"]
        kills = [self.kill_when(condition, command) for condition in (
            lambda: len(json.loads(self.cairn("key", "incident", "list", "--json"))) > number,
            lambda: (self.folder / "killed/owners.json").exists(),
            lambda: any(n.startswith(name) for n in os.listdir(self.keys)),
            lambda: (self.keys / name).exists(),
            lambda: f"{name}/" in self.settings.read_text(),
            lambda: process() == 0,
            lambda: process() not in (0, before),
            lambda: (self.keys / name / "keys.sealed.witness").exists(),
            proposals)]
        self.assertGreaterEqual(sum(kills), 4, kills)
        opened = json.loads(self.cairn(*command))
        self.assertEqual((opened["incident"], opened["resumed"], opened["step"]), (number, True, "replace"))
        self.assertEqual([s["state"] for s in opened["replacement"]], ["done"] * 3 + ["left"], opened)
        self.assertEqual(len(proposals()), 1)
        self.assertEqual(self.settings.read_text().count(f"{name}/"), 1)
        self.assertEqual(self.nodes_running(), [process()], "a node that nobody knows")
        self.approve(opened, self.others[0])
        self.kill_when(lambda: proposals()[0]["state"] == "executed", command)
        self.finish(command, str(self.keys / name / "keys.sealed"))
        self.cairn("key", "incident", "close", number, "--key-file", self.delta, "--out", "killed", "--json")
        self.cairn("key", "incident", "verify", "killed")

    def test_7_every_nodes_audit_log_tells_the_same_acts(self):
        joined = json.loads(self.cairn("audit", "collect", "--all", "--out", "centre", "--json"))["joined"]
        self.assertEqual((joined["logs"], joined["differences"]), (4, []), joined)
        self.assertGreater(joined["acts_compared"], 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
