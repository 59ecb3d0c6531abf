#!/usr/bin/env python3
"""A network of the suite `national`: accounts and votes with SM2, files under SM4. A record is proved offline, and every vote
of its proof is checked once more by SM2 and SM3 as written here."""
import hashlib
import json
import os
import pathlib
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

# GB/T 32918.5-2017.
P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
     0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0)
IDENTITY = b"1234567812345678"


def sm3(data):
    return hashlib.new("sm3", data).digest()


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] + A) * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k, point):
    out = None
    while k:
        if k & 1:
            out = add(out, point)
        point = add(point, point)
        k >>= 1
    return out


def even_point(x):
    y = pow(x ** 3 + A * x + B, (P + 1) // 4, P)
    assert (y * y - x ** 3 - A * x - B) % P == 0, "not on the curve"
    return x, y if y % 2 == 0 else P - y


def sm2_accepts(key, message, signature):
    """GM/T 0003.2, section 7: Z binds identity, curve and key; e = SM3(Z || message)."""
    point = even_point(int.from_bytes(key, "big"))
    word = lambda number: number.to_bytes(32, "big")
    z = sm3((8 * len(IDENTITY)).to_bytes(2, "big") + IDENTITY + b"".join(map(word, (A, B, *G, *point))))
    e = int.from_bytes(sm3(z + message), "big")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < N and 0 < s < N) or (r + s) % N == 0:
        return False
    found = add(times(s, G), times((r + s) % N, point))
    return found is not None and (e + found[0]) % N == r


class National(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="cairn-national-"))
        cls.environment = dict(os.environ, CAIRN_DEV_DIR=str(cls.folder / "net"), HOME=str(cls.folder))
        cls.network = json.loads(cls.cairn("dev", "up", "--suite", "national", "--base-port", free_base(40), "--json"))

    @classmethod
    def tearDownClass(cls):
        subprocess.run([CAIRN, "dev", "down", "--wipe"], env=cls.environment, capture_output=True)
        shutil.rmtree(cls.folder, ignore_errors=True)

    @classmethod
    def cairn(cls, *words, expect=0):
        done = subprocess.run([CAIRN, *map(str, words)], env=cls.environment, capture_output=True, text=True, timeout=180,
                              cwd=cls.folder, stdin=subprocess.DEVNULL)
        if (done.returncode == 0) != (expect == 0):
            raise AssertionError(f"cairn {words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout if expect == 0 else done.stderr

    def rpc(self, method, *parameters, node=0):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
        request = urllib.request.Request(self.network["nodes"][node]["rpc"], body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())["result"]

    def file(self, name, text, mode=0o600):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def record(self, name, node=0):
        document = self.file(name, f"contract {time.time_ns()}\n")
        added = json.loads(self.cairn("record", "add", document, "--rpc", self.network["nodes"][node]["rpc"], "--json"))
        return document, added

    def test_record_is_proved_offline_and_each_vote_is_sm2(self):
        document, _ = self.record("contract.txt")
        bundle = self.folder / "contract.bundle.json"
        self.cairn("record", "prove", document, "--out", bundle)
        genesis_file = self.folder / "net/genesis.json"
        genesis = json.loads(genesis_file.read_text())
        self.assertEqual(genesis["parameters"]["suite"], "national")
        self.assertEqual({validator["algorithm"] for validator in genesis["validators"]}, {"sm2"})
        # Elsewhere, without any node of this network.
        offline = dict(self.environment, CAIRN_DEV_DIR=str(self.folder / "nowhere"))
        verify = [CAIRN, "record", "verify", document, bundle, "--genesis", genesis_file, "--json"]
        done = subprocess.run(verify, env=offline, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)

        proof = json.loads(bundle.read_text())
        self.assertGreaterEqual(len(proof["votes"]), 3)
        certificate = self.rpc("cairn_getCertificate", "latest")
        message = bytes.fromhex(certificate["signedBytes"][2:])
        self.assertTrue(message.startswith(b"cairn-vote-v1"))
        members = certificate["validators"]["members"]
        for vote in certificate["votes"]:
            index = vote["validator"] if isinstance(vote["validator"], int) else int(vote["validator"], 16)
            self.assertEqual(members[index]["algorithm"], "sm2")
            key, signature = bytes.fromhex(members[index]["publicKey"][2:]), bytes.fromhex(vote["signature"][2:])
            self.assertTrue(sm2_accepts(key, message, signature), vote)
            self.assertFalse(sm2_accepts(key, message + b"x", signature))

        # One bit of one vote.
        bent = proof["votes"][0]["signature"]
        text = bundle.read_text().replace(bent, bent[:-1] + ("1" if bent[-1] != "1" else "2"))
        bundle.write_text(text)
        done = subprocess.run(verify, env=offline, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 8, done.stdout + done.stderr)

    def test_transactions_are_sm2_and_no_others_are_taken(self):
        _, added = self.record("typed.txt")
        block = self.rpc("eth_getBlockByNumber", "latest", True)
        while not block["transactions"]:
            block = self.rpc("eth_getBlockByNumber", block["parentHash"] and hex(int(block["number"], 16) - 1), True)
        self.assertEqual({transaction["type"] for transaction in block["transactions"]}, {"0x7d"})
        for account in self.network["accounts"]:
            self.assertTrue(account["private_key"].startswith("sm2:0x"))
        plain = self.file("plain.key", "0x" + "11" * 32)
        self.cairn("identity", "bind", "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A", "--name", "Somebody")
        refused = self.cairn("tx", "send", "--to", self.network["accounts"][0]["address"], "--key-file", plain, "--gas", 21000, expect=1)
        self.assertIn("this chain takes SM2 transactions alone", refused)
        own = self.folder / "own.key"
        made = json.loads(self.cairn("account", "new", "--sm2-key", own, "--json"))
        self.cairn("identity", "bind", made["address"], "--name", "Somebody Else")
        self.cairn("tx", "send", "--to", made["address"], "--value", "1ether", "--from", "dev:0")
        shown = json.loads(self.cairn("account", "show", made["address"], "--json"))
        self.assertEqual(shown["balance_wei"], str(10 ** 18))
        self.assertEqual(own.stat().st_mode & 0o777, 0o600)
        self.cairn("tx", "send", "--to", self.network["accounts"][0]["address"], "--value", "1", "--key-file", own)

    def test_everything_on_disk_is_under_sm4(self):
        suites = {}
        for path in (self.folder / "net/nodes").rglob("data/**/*"):
            if path.is_file():
                with path.open("rb") as content:
                    head = content.read(10)
                if head[:8] == b"CRNENC1\0":
                    suites.setdefault(int.from_bytes(head[8:10], "little"), []).append(path)
        self.assertEqual(set(suites), {2}, suites.get(1))  # 2 is SM4-GCM
        self.assertGreater(len(suites[2]), 20)
        status = json.loads(self.cairn("storage", "key", "status", "--node", "alpha-1", "--json"))
        self.assertEqual(status["suite"], "SM4-GCM")

    def test_a_killed_validator_comes_back_and_votes(self):
        self.cairn("dev", "kill", "delta-1")
        self.record("while-away.txt")
        self.cairn("dev", "restart", "delta-1")
        # With another one away the quorum of three needs the one that was killed.
        self.cairn("dev", "kill", "gamma-1")
        self.record("without-gamma.txt")
        self.cairn("dev", "restart", "gamma-1")

    def test_the_audit_log_is_anchored_on_this_chain_too(self):
        self.record("noted.txt")
        self.cairn("admin", "anchor", "--node", "beta-1")
        anchors = self.folder / "beta-1.anchors.json"
        for _ in range(60):
            done = subprocess.run([CAIRN, "audit", "anchors", "--node", "beta-1", "--rpc", self.network["nodes"][0]["rpc"], "--out", anchors],
                                  env=self.environment, capture_output=True, text=True, timeout=60)
            if done.returncode == 0:
                break
            time.sleep(1)
        self.assertEqual(done.returncode, 0, done.stderr)
        log = self.folder / "beta-1.audit"
        self.cairn("audit", "export", self.folder / "net/nodes/beta-1/data/audit", "--format", "evidence", "--out", log)
        verdict = json.loads(self.cairn("audit", "verify", log, "--node", "beta-1", "--genesis", self.folder / "net/genesis.json",
                                        "--anchors", anchors, "--json"))
        self.assertEqual(verdict["findings_total"], 0, verdict)
        self.assertGreater(verdict["anchors_met"], 0)

    def test_sm2_keys_are_sealed_in_files_and_refused_for_tokens(self):
        keys = self.folder / "net/organisations/alpha/validators/alpha-1/keys.sealed"
        shown = json.loads(self.cairn("signer", "show", "--keys", keys, "--json"))
        self.assertTrue(shown["consensus_key"].startswith("sm2:0x"))
        refused = self.cairn("signer", "token", "--suite", "national", "--module", "x.so", "--token", "t", "--out", "k.sealed", expect=1)
        self.assertIn("CRN-SIG-0026", refused)
        # An organisation whose validators vote with Ed25519 cannot found a national network.
        secret = self.file("passphrase", "a passphrase\n")
        self.cairn("org", "init", "Omega", "--validator", "omega-1=127.0.0.1:9", "--passphrase-file", secret)
        refused = self.cairn("network", "genesis", "--chain-id", 7, "--suite", "national", "Omega/organisation.json", "--out", "g.json", expect=1)
        self.assertIn("which the suite national does not vote with", refused)
        self.cairn("org", "init", "Psi", "--suite", "national", "--validator", "psi-1=127.0.0.1:9", "--passphrase-file", secret)
        self.cairn("network", "genesis", "--chain-id", 7, "--suite", "national", "Psi/organisation.json", "--out", "g.json")
        self.cairn("network", "sign", "g.json", "--org", "Psi")
        self.assertEqual(json.loads((self.folder / "g.json").read_text())["validators"][0]["algorithm"], "sm2")


if __name__ == "__main__":
    unittest.main()
