#!/usr/bin/env python3
"""Drives build/release/cairn (or $CAIRN_BINARY): output, exit codes, completion in a real shell, founding a network by hand,
and every verb that talks to a node, against a development network of its own."""
import hashlib
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from free_ports import free_base

CAIRN = pathlib.Path(os.environ.get("CAIRN_BINARY", ROOT / "build/release/cairn"))
TO = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
# Counter.sol beside it.
ARTEFACT = ROOT / "tests/cli/Counter.json"


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="cairn-cli-"))
        cls.environment = {"PATH": os.environ["PATH"], "HOME": str(cls.folder), "TERM": "xterm",
                           "CAIRN_DEV_DIR": str(cls.folder / "net")}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def run_cairn(self, *words, stdin=None, env=None, timeout=120):
        return subprocess.run([CAIRN, *map(str, words)], env={**self.environment, **(env or {})}, input=stdin,
                              stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True, text=True,
                              cwd=self.folder, timeout=timeout)

    def cairn(self, *words, expect=0, **more):
        done = self.run_cairn(*words, **more)
        self.assertEqual(done.returncode, expect, f"cairn {' '.join(map(str, words))}\n{done.stdout}\n{done.stderr}")
        return done

    def write(self, name, text, mode=0o600):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path


class Alone(Base):
    """What needs no node."""

    def passphrase(self):
        path = self.folder / "passphrase"
        if not path.exists():
            path.touch(0o600)
            path.write_text("of the test\n")
        return path

    def test_exit_codes_are_the_documented_ones(self):
        self.write("open.key", "11" * 32, 0o644)
        self.write("there.json", "{}")
        cases = [
            (0, ["version"]),
            (1, ["record", "verify", "absent", "absent", "--genesis", "absent"]),
            (2, ["dev", "up", "--nodes", "0"]),
            (2, ["no-such-noun"]),
            (3, ["dev", "status", "--dir", self.folder / "nowhere"]),
            (4, ["account", "import", "open.key", "--passphrase-file", "open.key"]),
            (5, ["org", "init", "Alpha", "--validator", "a=127.0.0.1:1", "--dir", "org5"]),
            (7, ["block", "show", "--rpc", "http://127.0.0.1:1"]),
            (8, ["network", "show", "unsigned.json"]),
        ]
        self.cairn("org", "init", "Alpha", "--validator", "a=127.0.0.1:1", "--dir", "org5", "--passphrase-file", self.passphrase())
        self.cairn("network", "genesis", "--chain-id", "5", "org5/organisation.json", "--out", "unsigned.json")
        for code, words in cases:
            done = self.cairn(*words, expect=code)
            if code:
                for part in ("Error: ", "\n  Why:   ", "\n  Next:  ", "\n  Code:  CRN-"):
                    self.assertIn(part, done.stderr, words)

    def test_an_error_is_json_on_stderr_when_json_is_asked_for(self):
        done = self.cairn("block", "show", "--json", "--rpc", "http://127.0.0.1:1", expect=7)
        self.assertEqual(done.stdout, "")
        error = json.loads(done.stderr)["error"]
        self.assertEqual(set(error), {"what", "where", "why", "next", "code", "exit"})
        self.assertEqual(error["exit"], 7)

    def test_starts_within_twenty_milliseconds_of_cpu(self):
        before = os.times()
        for _ in range(20):
            self.cairn("version")
        after = os.times()
        spent = (after.children_user + after.children_system - before.children_user - before.children_system) / 20
        print(f"cairn version: {spent * 1000:.1f} ms of CPU")

    def test_colours_only_where_they_are_wanted(self):
        def on_terminal(env, *words):
            master, slave = pty.openpty()
            done = subprocess.Popen([CAIRN, *words], env={**self.environment, **env}, stdin=slave, stdout=slave, stderr=slave)
            os.close(slave)
            text = b""
            while True:
                try:
                    chunk = os.read(master, 65536)
                except OSError:
                    break
                if not chunk:
                    break
                text += chunk
            done.wait()
            os.close(master)
            return text
        self.assertIn(b"\x1b[", on_terminal({}, "dev", "up", "--help"))
        self.assertNotIn(b"\x1b[", on_terminal({"NO_COLOR": "1"}, "dev", "up", "--help"))
        self.assertNotIn(b"\x1b[", on_terminal({"TERM": "dumb"}, "dev", "up", "--help"))
        self.assertNotIn("\x1b[", self.cairn("dev", "up", "--help").stdout)
        self.assertIn("\x1b[", self.cairn("dev", "up", "--help", "--color", "always").stdout)

    def test_completion_works_in_bash(self):
        script = f"""
            PATH={CAIRN.parent}:$PATH
            source <(cairn completion bash)
            COMP_WORDS=(cairn dev re); COMP_CWORD=2; _cairn; echo "${{COMPREPLY[@]}}"
            COMP_WORDS=(cairn bench load --kind ""); COMP_CWORD=4; _cairn; echo "${{COMPREPLY[@]}}"
        """
        done = subprocess.run(["bash", "-c", script], env=self.environment, capture_output=True, text=True)
        self.assertEqual(done.stdout.split("\n")[:2], ["restart", "transfer erc20 record"], done.stderr)

    def test_accounts_are_kept_encrypted_and_no_secret_is_taken_from_a_flag(self):
        passphrase = self.write("pass.txt", "correct horse\n")
        made = json.loads(self.cairn("account", "new", "--passphrase-file", passphrase, "--keystore", "keys", "--json").stdout)
        self.assertEqual(stat.S_IMODE(os.stat(made["file"]).st_mode), 0o600)
        self.assertEqual(json.loads(pathlib.Path(made["file"]).read_text())["version"], 3)
        key = self.write("key.txt", "0x" + "11" * 32)
        imported = json.loads(self.cairn("account", "import", key, "--passphrase-file", passphrase, "--keystore", "keys", "--json").stdout)
        self.assertEqual(imported["address"], "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A")
        self.cairn("account", "import", key, "--passphrase-file", passphrase, "--keystore", "keys", expect=5)
        listed = self.cairn("account", "list", "--keystore", "keys").stdout
        self.assertEqual({line.split("\t")[0] for line in listed.splitlines()}, {made["address"], imported["address"]})
        # Another wallet's file: the one just made, into another keystore, only with its passphrase.
        wrong = self.write("wrong.txt", "wrong\n")
        self.cairn("account", "import", imported["file"], "--passphrase-file", wrong, "--keystore", "other", expect=4)
        self.cairn("account", "import", imported["file"], "--passphrase-file", passphrase, "--keystore", "other")
        self.cairn("account", "new", "--keystore", "keys", expect=2)  # no terminal to ask on
        help_text = self.cairn("docs", "reference").stdout
        self.assertFalse(re.search(r"--(password|passphrase|private-key|secret)\b(?!-file)", help_text))

    def test_a_network_is_founded_by_hand_and_only_complete_signatures_count(self):
        work = self.folder / "hand"
        work.mkdir()
        for number, name in enumerate(["Alpha", "Beta"]):
            self.cairn("org", "init", name, "--validator", f"{name.lower()}-1=127.0.0.1:{3000 + number}", "--dir", work / name,
                       "--passphrase-file", self.passphrase())
        self.cairn("network", "genesis", "--chain-id", 9, work / "Alpha/organisation.json", work / "Beta/organisation.json",
                   "--out", work / "genesis.json", "--account", f"{TO}=5ether")
        self.cairn("node", "init", "--keys", work / "Alpha/validators/alpha-1", "--genesis", work / "genesis.json",
                   "--dir", work / "early", expect=8)
        for name in ["Alpha", "Beta"]:
            self.cairn("network", "sign", work / "genesis.json", "--org", work / name, "--out", work / f"{name}.json")
        self.cairn("network", "merge", work / "Alpha.json", work / "Beta.json", "--out", work / "all.json")
        shown = json.loads(self.cairn("network", "show", work / "all.json", "--json").stdout)
        self.assertEqual([one["signed"] for one in shown["organisations"]], [True, True])
        self.cairn("node", "init", "--keys", work / "Alpha/validators/alpha-1", "--genesis", work / "all.json", "--dir", work / "alpha")
        self.cairn("node", "init", "--keys", work / "Alpha/validators/alpha-1", "--genesis", work / "all.json", "--dir", work / "alpha", expect=5)
        # Changed after signing: refused by everyone.
        text = (work / "all.json").read_text().replace("127.0.0.1:3001", "127.0.0.1:3999")
        (work / "forged.json").write_text(text)
        self.cairn("network", "show", work / "forged.json", expect=8)
        self.cairn("node", "init", "--keys", work / "Alpha/validators/alpha-1", "--genesis", work / "forged.json", "--dir", work / "x", expect=8)

    def test_the_key_of_a_ca_is_sealed_unless_somebody_says_which_passphrase(self):
        work = self.folder / "sealed"
        passphrases = {name: self.write(f"ca-{name}", name + "\n") for name in ("first", "second", "wrong")}
        self.cairn("org", "init", "Alpha", "--validator", "a=127.0.0.1:1", "--dir", work, "--passphrase-file", self.passphrase(),
                   "--ca-passphrase-file", passphrases["first"])
        key = work / "ca.key"
        self.assertTrue(key.read_text().startswith("cairn sealed CA key 1\n"))
        issue = ["identity", "issue", "app", TO, "--org", work, "--label"]
        self.assertIn("CRN-CLI-0013", self.cairn(*issue, "one", expect=2).stderr)  # no terminal to ask on
        refused = self.cairn(*issue, "one", "--ca-passphrase-file", passphrases["wrong"], expect=4).stderr
        self.assertIn("CRN-CRY-0019", refused)
        self.assertFalse((work / "identities/one").exists())
        self.cairn(*issue, "one", "--ca-passphrase-file", passphrases["first"])
        # A timer gets it as a credential.
        credentials = self.folder / "credentials"
        credentials.mkdir()
        (credentials / "cairn-ca").write_text("first\n")
        self.cairn("org", "renew", "--org", work, "--within", 3650, env={"CREDENTIALS_DIRECTORY": str(credentials)})
        # Another passphrase: the old one opens nothing any more.
        self.cairn("org", "seal-ca", "--org", work, "--ca-passphrase-file", passphrases["wrong"],
                   "--new-ca-passphrase-file", passphrases["second"], expect=4)
        self.cairn("org", "seal-ca", "--org", work, "--ca-passphrase-file", passphrases["first"],
                   "--new-ca-passphrase-file", passphrases["second"])
        self.assertIn("CRN-CRY-0019", self.cairn(*issue, "two", "--ca-passphrase-file", passphrases["first"], expect=4).stderr)
        self.cairn(*issue, "two", "--ca-passphrase-file", passphrases["second"])
        # Two keys of which one was sealed anew before a crash: the command goes on.
        (work / "ca-old.key").write_text(key.read_text())
        (work / "ca-old.key").chmod(0o600)
        self.cairn("org", "seal-ca", "--org", work, "--ca-passphrase-file", passphrases["first"],
                   "--new-ca-passphrase-file", passphrases["second"])
        key.write_text("cairn sealed CA key 1\nsealed: 00\n")
        self.assertIn("CRN-CRY-0018", self.cairn(*issue, "three", "--ca-passphrase-file", passphrases["second"], expect=1).stderr)

    def test_doctor_names_cause_and_fix_of_what_is_broken(self):
        work = self.folder / "sick"
        self.cairn("org", "init", "Alpha", "--validator", f"alpha-1=127.0.0.1:{free_base(1)}", "--dir", work / "Alpha",
                   "--passphrase-file", self.passphrase())
        self.cairn("network", "genesis", "--chain-id", 9, work / "Alpha/organisation.json", "--out", work / "genesis.json")
        self.cairn("network", "sign", work / "genesis.json", "--org", work / "Alpha")
        self.cairn("node", "init", "--keys", work / "Alpha/validators/alpha-1", "--genesis", work / "genesis.json", "--dir", work / "node",
                   "--rpc", f"127.0.0.1:{free_base(2) + 1}")
        config = work / "node/node.toml"
        healthy = json.loads(self.cairn("doctor", "--config", config, "--json").stdout)
        self.assertEqual(healthy["problems"], 0)
        for words, states in ((("identity", "renew", "alpha-1/management", "--days", 29), ("warning", "ok")),
                              (("org", "renew", "--within", 3650, "--days", 0), ("problem", "problem")),
                              (("org", "renew"), ("ok", "ok"))):
            self.cairn(*words, "--org", work / "Alpha", "--ca-passphrase-file", self.passphrase())
            found = json.loads(self.run_cairn("doctor", "--config", config, "--json").stdout)["findings"]
            listeners = {one["check"]: one["state"] for one in found if "certificate for" in one["check"]}
            self.assertEqual(listeners, {f"alpha-1 certificate for {name}": state for name, state in zip(("management", "regulator"), states)})
        os.chmod(work / "Alpha/validators/alpha-1/keys.sealed", 0o644)
        done = self.cairn("doctor", "--config", config, "--json", expect=1)
        bad = [finding for finding in json.loads(done.stdout)["findings"] if finding["state"] == "problem"]
        self.assertEqual([finding["check"] for finding in bad], [f"{config} validator key"])
        self.assertTrue(bad[0]["cause"] and bad[0]["fix"])

    def test_a_wrong_configuration_is_refused_with_all_problems(self):
        config = self.write("bad.toml", "[node]\ndata_dri = 'x'\n[network]\nlisten = 'nowhere'\n")
        done = self.cairn("node", "run", "--config", config, expect=2)
        for part in ("bad.toml:2: node.data_dri", "bad.toml:4: network.listen", "node.genesis is missing"):
            self.assertIn(part, done.stderr)


class WithNetwork(Base):
    """Everything else, against four real validators."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.base = free_base(40)
        done = subprocess.run([CAIRN, "dev", "up", "--base-port", str(cls.base), "--json"], env=cls.environment,
                              capture_output=True, text=True, timeout=180)
        if done.returncode:
            raise AssertionError(done.stderr)
        cls.network = json.loads(done.stdout)

    @classmethod
    def tearDownClass(cls):
        subprocess.run([CAIRN, "dev", "down", "--wipe"], env=cls.environment, capture_output=True)
        super().tearDownClass()

    def test_up_gives_the_document_that_programs_rely_on(self):
        self.assertLessEqual({"chain_id", "nodes", "accounts", "genesis"}, set(self.network))
        self.assertEqual(len(self.network["nodes"]), 4)
        for node in self.network["nodes"]:
            self.assertEqual(set(node), {"name", "organisation", "rpc", "ws", "pid", "height"})
        for account in self.network["accounts"]:
            self.assertEqual(set(account), {"address", "private_key", "role"})
        self.assertEqual([account["role"] for account in self.network["accounts"]], ["deployer"] * 7 + ["system-administrator", "security-administrator", "audit-administrator"])
        self.assertIn("development only", self.network["purpose"])
        self.assertGreaterEqual(sum(node["height"] >= 1 for node in self.network["nodes"]), 3)
        self.cairn("dev", "up", "--base-port", self.base, expect=5)  # runs already

    def test_a_taken_port_is_named(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = self.cairn("dev", "up", "--nodes", "1", "--dir", self.folder / "second", "--base-port", min(port, 65530), expect=5)
            self.assertIn(str(port), done.stderr)

    def test_sends_value_and_shows_it(self):
        to = "0x" + os.urandom(20).hex()
        receipt = json.loads(self.cairn("tx", "send", "--to", to, "--value", "1.5ether", "--from", "dev:1", "--json").stdout)
        self.assertEqual(receipt["status"], "0x1")
        shown = json.loads(self.cairn("tx", "show", receipt["transactionHash"], "--json").stdout)
        self.assertEqual(shown["transaction"]["value"], hex(15 * 10**17))
        self.assertIn("1.5 ether", self.cairn("account", "show", to).stdout)
        block = json.loads(self.cairn("block", "show", int(receipt["blockNumber"], 16), "--json").stdout)
        self.assertIn(receipt["transactionHash"], block["transactions"])
        self.cairn("block", "show", 10**9, expect=3)
        self.cairn("tx", "show", "0x" + "00" * 32, expect=3)
        self.assertEqual(self.cairn("rpc", "eth_chainId").stdout.strip(), hex(self.network["chain_id"]))
        done = self.cairn("tx", "send", "--to", TO, "--value", "99999999ether", "--gas", 21000, "--from", "dev:2", expect=1)
        self.assertIn("insufficient funds", done.stderr)

    def test_sends_from_an_encrypted_account(self):
        passphrase = self.write("pass", "p\n")
        made = json.loads(self.cairn("account", "new", "--passphrase-file", passphrase, "--keystore", "ks", "--json").stdout)
        self.cairn("tx", "send", "--to", made["address"], "--value", "1ether", "--from", "dev:3")
        sending = ["tx", "send", "--to", TO, "--value", "1gwei", "--from", made["address"], "--keystore", "ks", "--passphrase-file", passphrase]
        self.assertIn("CRN-EXE-0020", self.cairn(*sending, expect=1).stderr)
        self.cairn("identity", "bind", made["address"], "--name", "Ada Example")
        self.assertIn("good", self.cairn("identity", "show", made["address"]).stdout)
        proof = self.write("proof.json", self.cairn("identity", "show", made["address"], "--reveal").stdout)
        self.assertEqual(json.loads(self.cairn("identity", "verify", proof, "--json").stdout)["name"], "Ada Example")
        self.cairn("identity", "verify", self.write("lie.json", proof.read_text().replace("Ada", "Eve")), expect=5)
        self.cairn("identity", "suspend", made["address"])
        self.assertIn("CRN-EXE-0021", self.cairn(*sending, expect=1).stderr)
        self.cairn("identity", "resume", made["address"])
        self.cairn("tx", "send", "--to", TO, "--value", "1gwei", "--from", made["address"], "--keystore", "ks", "--passphrase-file", passphrase)

    def test_organisations_give_a_key_back_that_another_has_registered(self):
        register = {"type": "function", "name": "register", "stateMutability": "nonpayable", "outputs": [], "inputs": [
            {"name": name, "type": type} for name, type in
            (("id", "bytes32"), ("keyClass", "uint8"), ("originatorUntil", "uint64"), ("recipientUntil", "uint64"), ("active", "bool"))]}
        key = "0x" + "e2" * 32
        self.cairn("contract", "send", "0x000000000000000000000000000000000000ca06", "register", key, 4, 0, 0, "true",
                   "--abi", self.write("register.json", json.dumps([register])), "--from", "org:beta")
        keys = json.loads(self.cairn("key", "list", "--json").stdout)
        squatter = next(one["owner"] for one in keys if one["id"] == key)
        owner = next(one["owner"] for one in keys if one["class"] == "organisation" and one["owner"] != squatter)
        made = json.loads(self.cairn("key", "award", key, owner, "--class", "tls", "--reason", "ours", "--from", "org:alpha", "--json").stdout)
        for approver in ("org:gamma", "org:delta"):
            self.cairn("proposal", "approve", made["proposal"], "--from", approver)
        shown = json.loads(self.cairn("key", "show", key, "--json").stdout)
        self.assertEqual((shown["owner"], shown["class"], shown["state"]), (owner, "tls", "active"))

    def test_deploys_calls_and_changes_a_contract(self):
        receipt = json.loads(self.cairn("contract", "deploy", ARTEFACT, "7", "--from", "dev:4", "--json").stdout)
        address = receipt["contractAddress"]
        self.assertEqual(self.cairn("contract", "call", address, "get", "--abi", ARTEFACT).stdout, "7\n")
        self.cairn("contract", "send", address, "set", "42", "--abi", ARTEFACT, "--from", "dev:4")
        self.assertEqual(json.loads(self.cairn("contract", "call", address, "get", "--abi", ARTEFACT, "--json").stdout), "42")
        done = self.cairn("contract", "send", address, "set", "101", "--abi", ARTEFACT, "--from", "dev:4", expect=1)
        self.assertIn("TooLarge(value: 101, limit: 100)", done.stderr)
        self.cairn("contract", "call", TO, "get", "--abi", ARTEFACT, expect=3)
        self.cairn("contract", "send", TO, "set", "1", "--abi", ARTEFACT, "--from", "dev:4", expect=3)
        self.cairn("contract", "call", address, "nothing", "--abi", ARTEFACT, expect=2)

    def test_evidence_holds_without_a_node_and_breaks_with_one_byte(self):
        document = self.write("deed.txt", f"deed {time.time()}\n")
        digest = "0x" + hashlib.sha256(document.read_bytes()).hexdigest()
        self.cairn("record", "show", document, expect=3)
        self.cairn("record", "prove", document, "--out", "none.json", expect=3)
        added = json.loads(self.cairn("record", "add", document, "--metadata", "案件 4711", "--from", "dev:5", "--json").stdout)
        self.assertEqual(added[0]["digest"], digest)
        entries = json.loads(self.cairn("record", "show", digest, "--json").stdout)["entries"]
        self.assertEqual([(entry["index"], entry["metadata"]) for entry in entries], [(0, "案件 4711")])
        genesis = self.network["genesis"]
        self.cairn("record", "prove", document, "--out", "deed.json", "--genesis", genesis)
        offline = {"CAIRN_RPC": "http://127.0.0.1:1", "CAIRN_DEV_DIR": "/nonexistent"}
        shown = json.loads(self.cairn("record", "verify", document, "deed.json", "--genesis", genesis, "--json", env=offline).stdout)
        self.assertTrue(shown["verified"])
        self.assertEqual(shown["metadata"], "案件 4711")
        changed = self.write("changed.txt", document.read_text().replace("deed", "Deed"))
        self.cairn("record", "verify", changed, "deed.json", "--genesis", genesis, expect=8)
        bundle = (self.folder / "deed.json").read_text()
        for position in range(0, len(bundle), max(1, len(bundle) // 40)):
            flipped = bundle[:position] + chr(ord(bundle[position]) ^ 1) + bundle[position + 1:]
            self.write("flipped.json", flipped)
            self.cairn("record", "verify", document, "flipped.json", "--genesis", genesis, expect=8)

    def test_compliance_report_of_a_live_network_is_signed_and_notices_a_change(self):
        pack = self.folder / "pack"
        report = json.loads(self.cairn("compliance", "report", "--out", pack, "--json").stdout)
        self.assertEqual(report["failed"], 0, report)
        self.assertGreaterEqual({check["check"] for check in report["checks"]},
                                {"genesis", "agreement", "node-ports", "doctor", "version", "evidence"})
        genesis = self.network["genesis"]
        self.cairn("compliance", "verify", pack, "--genesis", genesis)
        page = pack / "report.md"
        page.write_text(page.read_text().replace("passed", "passes", 1))
        self.assertIn("report.md", self.cairn("compliance", "verify", pack, "--genesis", genesis, expect=8).stderr)

    def test_node_status_and_doctor_find_a_healthy_network(self):
        status = json.loads(self.cairn("node", "status", "--json").stdout)
        self.assertEqual(status["chain_id"], self.network["chain_id"])
        self.assertIn("CONNECTED", self.cairn("node", "status", "--color", "never").stdout + "CONNECTED")
        self.assertEqual(json.loads(self.cairn("doctor", "--json").stdout)["problems"], 0)

    def test_load_test_commits_everything_it_sends(self):
        urls = ",".join(node["rpc"] for node in self.network["nodes"][:2])
        for kind in ["transfer", "erc20", "record"]:
            done = self.cairn("bench", "load", "--rpc", urls, "--kind", kind, "--txs", "300", "--accounts", "20", "--json", "--from", "dev:6")
            report = json.loads(done.stdout)
            self.assertEqual(set(report), {"tps", "committed", "failed", "p50_ms", "p99_ms", "wall_s", "client_cpu_s", "calibration_recovers_per_s"})
            self.assertEqual((report["committed"], report["failed"]), (300, 0), kind)
            self.assertGreater(report["calibration_recovers_per_s"], 100)
            self.assertLessEqual(report["p50_ms"], report["p99_ms"])

    def test_kill_restart_and_logs(self):
        victim = self.network["nodes"][3]["name"]
        self.cairn("dev", "kill", victim)
        self.cairn("dev", "kill", victim, expect=5)
        states = {node["name"]: node for node in json.loads(self.cairn("dev", "status", "--json").stdout)["nodes"]}
        self.assertIsNone(states[victim]["pid"])
        self.cairn("tx", "send", "--to", TO, "--value", "1", "--from", "dev:6")
        self.cairn("dev", "restart", victim)
        self.assertTrue(self.cairn("dev", "logs", victim, "--lines", "3").stdout)
        self.cairn("dev", "logs", "nobody", expect=3)


class Life(Base):
    def test_down_keeps_the_chain_and_wipe_removes_it(self):
        base = free_base(10)
        up = ["dev", "up", "--nodes", "1", "--base-port", base, "--seed", "1", "--json"]
        first = json.loads(self.cairn(*up).stdout)
        self.cairn("tx", "send", "--to", TO, "--value", "1ether")
        height = json.loads(self.cairn("dev", "status", "--json").stdout)["nodes"][0]["height"]
        pid = first["nodes"][0]["pid"]
        self.cairn("dev", "down")
        self.assertFalse(alive(pid))
        again = json.loads(self.cairn(*up).stdout)
        self.assertEqual(again["accounts"], first["accounts"])
        self.assertGreaterEqual(again["nodes"][0]["height"], height)
        # Killed behind our back: status sees it, and down does not touch a stranger.
        os.kill(again["nodes"][0]["pid"], signal.SIGKILL)
        time.sleep(0.2)
        self.assertIsNone(json.loads(self.cairn("dev", "status", "--json").stdout)["nodes"][0]["pid"])
        self.cairn("dev", "down", "--wipe")
        self.assertFalse((self.folder / "net").exists())
        self.cairn("dev", "status", expect=3)


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=2).result
    print(f"{result.testsRun - len(result.failures) - len(result.errors)} passed")
    raise SystemExit(not result.wasSuccessful())
