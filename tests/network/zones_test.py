#!/usr/bin/env python3
"""A running network listens exactly where its configuration says, and each door opens only for those it is for."""
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from free_ports import free_base

CAIRN = ROOT / "build/release/cairn"
LISTEN = "0A"


def address(text):
    """127.0.0.1 for 0100007F; IPv6 as the kernel writes it."""
    host, port = text.split(":")
    if len(host) == 8:
        return ".".join(str(byte) for byte in reversed(bytes.fromhex(host))), int(port, 16)
    return host, int(port, 16)


def open_sockets(pid):
    """TCP sockets in state LISTEN and bound UDP sockets of one process, from /proc."""
    inodes = set()
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(entry)
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes and (table.startswith("udp") or fields[3] == LISTEN):
                found.add((table,) + address(fields[1]))
    return found


class Zones(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="cairn-zones-"))
        cls.environment = dict(os.environ, CAIRN_DEV_DIR=str(cls.folder / "net"), HOME=str(cls.folder))
        cls.network = json.loads(cls.cairn("dev", "up", "--base-port", str(free_base(40)), "--json"))

    @classmethod
    def tearDownClass(cls):
        subprocess.run([CAIRN, "dev", "down", "--wipe"], env=cls.environment, capture_output=True)
        shutil.rmtree(cls.folder, ignore_errors=True)

    @classmethod
    def cairn(cls, *words, expect=0):
        done = subprocess.run([CAIRN, *map(str, words)], env=cls.environment, capture_output=True, text=True, timeout=180)
        if done.returncode != expect:
            raise AssertionError(f"cairn {words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout if expect == 0 else done.stderr

    def zones(self, node):
        return json.loads(self.cairn("network", "zones", "--node", node, "--json"))["listeners"]

    def test_open_sockets_are_the_declared_ones_and_all_on_loopback(self):
        for node in self.network["nodes"]:
            declared = {("tcp", zone["address"], zone["port"]) for zone in self.zones(node["name"])}
            self.assertEqual(len(declared), 4)
            self.assertEqual({zone["zone"] for zone in self.zones(node["name"])},
                             {"peer", "client", "management", "regulator"})
            self.assertEqual(open_sockets(node["pid"]), declared)
            self.assertTrue(all(host == "127.0.0.1" for _, host, _ in declared))

    def peer_identity(self, folder, node="alpha-1"):
        """A certificate as the node's own, made with the CA: the key of the real one never leaves the node's signer."""
        stem = self.folder / f"peer-{node}"
        shown = subprocess.run(["openssl", "x509", "-in", folder / f"validators/{node}/tls.pem", "-noout", "-ext", "subjectAltName"],
                               capture_output=True, text=True, check=True).stdout
        stem.with_suffix(".ext").write_text("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                                            "extendedKeyUsage=serverAuth,clientAuth\n"
                                            f"subjectAltName={shown.split()[-1]}\n")
        for command in (["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/O={node.split('-')[0].capitalize()}/CN={node}",
                         "-keyout", f"{stem}.key", "-out", f"{stem}.csr"],
                        ["x509", "-req", "-in", f"{stem}.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-days", "1",
                         "-extfile", f"{stem}.ext", "-out", f"{stem}.pem"]):
            subprocess.run(["openssl", *command], check=True, capture_output=True)
        return stem

    def test_each_door_refuses_the_keys_of_the_others(self):
        folder = self.folder / "net/organisations/alpha"
        keys = {"peer": self.peer_identity(folder), "management": folder / "administrators/system-1/identity",
                "regulator": folder / "regulators/developer/identity"}
        ports = {zone["zone"]: zone["port"] for zone in self.zones("alpha-1")}
        for zone in ("management", "regulator"):
            for owner, stem in keys.items():
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.load_verify_locations(folder / "ca.pem")
                context.load_cert_chain(f"{stem}.pem", f"{stem}.key")
                body = b'{"question":"node-status"}'
                request = (f"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
                           "Connection: close\r\n\r\n").encode() + body
                with socket.create_connection(("127.0.0.1", ports[zone]), 20) as plain:
                    with context.wrap_socket(plain, server_hostname="127.0.0.1") as session:
                        session.sendall(request)
                        answer = b""
                        while chunk := session.recv(65536):
                            answer += chunk
                status = int(answer.split()[1])
                # An administrator's certificate alone is not enough: the command must be signed too.
                self.assertEqual(status, 200 if zone == owner == "regulator" else 403, f"{owner} at {zone}: {answer}")
        # The client zone speaks no TLS and knows no command.
        with socket.create_connection(("127.0.0.1", ports["client"]), 20) as plain:
            plain.sendall(b'POST /command HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n'
                          b'Content-Length: 52\r\nConnection: close\r\n\r\n'
                          b'{"jsonrpc":"2.0","id":1,"method":"admin_stop"}      ')
            answer = b""
            while chunk := plain.recv(65536):
                answer += chunk
        self.assertIn(b"-32601", answer)

    def test_refusals_are_in_the_audit_log(self):
        node = self.network["nodes"][1]
        port = {zone["zone"]: zone["port"] for zone in self.zones(node["name"])}["management"]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", port), 20) as plain:
            try:
                with context.wrap_socket(plain) as session:
                    session.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\n\r\n")
                    session.recv(1)
            except (ssl.SSLError, ConnectionError):
                pass
        self.cairn("admin", "status", "--node", node["name"])
        log = self.folder / "net/nodes" / node["name"] / "data/audit"
        events = json.loads(self.cairn("audit", "query", log, "--action", "management", "--json"))["events"]
        self.assertEqual([event["result"] for event in events], ["refused"])
        self.assertEqual(events[0]["origin"], "management 127.0.0.1")
        # Local acts, peers and administrators are reported apart, and each event once.
        counted = json.loads(self.cairn("audit", "query", log, "--count-by", "origin", "--json"))
        groups = {group["origin"]: group for group in counted["groups"]}
        self.assertGreaterEqual(set(groups), {"local", "peer", "management"})
        self.assertEqual(groups["management"]["refused"], 1)
        self.assertGreaterEqual(groups["management"]["accepted"], 1)
        self.assertEqual(groups["local"]["refused"], 0)
        self.assertEqual(sum(group[result] for group in groups.values() for result in ("accepted", "refused", "failed")),
                         counted["events"])

    def test_reads_of_what_has_a_label_are_in_the_audit_log(self):
        secret, knows = "0x00000000000000000000000000000000c0ffee01", "0x00000000000000000000000000000000c0ffee02"
        for address in (secret, knows):
            proposed = json.loads(self.cairn("label", "set", address, "2", "--reason", "confidential", "--from", "dev:8", "--json"))
            self.cairn("proposal", "approve", proposed["proposal"], "--from", "org:alpha")
        self.cairn("tx", "send", "--from", "dev:1", "--to", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "--value", "1wei")  # a label counts from the next block on
        node = self.network["nodes"][0]
        ask = lambda method, *words, **more: self.cairn("rpc", method, *words, "--rpc", node["rpc"], **more)
        for _ in range(5):
            ask("eth_call", json.dumps({"from": knows, "to": secret}), "latest")
        self.assertIn("execution reverted", ask("eth_call", json.dumps({"to": secret}), "latest", expect=1))
        self.assertIn("a label forbids this read", ask("eth_getStorageAt", secret, "0x0", "latest", expect=1))
        log = self.folder / "net/nodes" / node["name"] / "data/audit"
        until = time.monotonic() + 60
        while True:
            events = json.loads(self.cairn("audit", "query", log, "--action", "client.read", "--json"))["events"]
            if len(events) == 2 or time.monotonic() > until:
                break
            time.sleep(0.1)
        # The storage is the second again, by another method: both are counted, the first of a kind is told at once.
        self.assertEqual([(event["subject"], event["object"], event["result"], event["origin"]) for event in events],
                         [(f"account {knows}", f"contract {secret}", "accepted", "client 127.0.0.1"),
                          ("unknown", f"contract {secret}", "refused", "client 127.0.0.1")])
        self.assertTrue(events[0]["reason"].startswith("eth_call"), events[0])

    def test_gaps_duplicates_and_order_of_a_received_stream_are_named(self):
        node = self.network["nodes"][2]["name"]
        for _ in range(3):
            self.cairn("admin", "status", "--node", node)
        centre = self.folder / "centre"
        self.cairn("audit", "collect", "--node", node, "--out", centre)
        stream = centre / f"{node}.audit"
        self.cairn("audit", "receive", stream)
        magic, rest = stream.read_bytes().split(b"\n", 1)
        records = []
        while rest:
            length = int.from_bytes(rest[:4], "little")
            records.append(rest[:4 + length])
            rest = rest[4 + length:]
        # Events in the middle, so that the opening record and what follows stand as they were.
        events = [place for place, record in enumerate(records) if record[4] == 2]
        self.assertGreater(len(events), 4)
        one, two = events[1], events[2]
        swapped = list(records)
        swapped[one], swapped[two] = swapped[two], swapped[one]
        for name, changed in {"gap": records[:one] + records[one + 1:],
                              "duplicate": records[:one] + [records[one]] + records[one:],
                              "reordered": swapped}.items():
            broken = self.folder / f"{name}.audit"
            broken.write_bytes(magic + b"\n" + b"".join(changed))
            error = self.cairn("audit", "receive", broken, expect=8)
            self.assertIn("CRN-AUD-0007", error, name)
            self.assertIn(f"{node}: {name}", error)

    def refusals(self, node, zone):
        log = self.folder / "net/nodes" / node["name"] / "data/audit"
        events = json.loads(self.cairn("audit", "query", log, "--action", f"{zone}.refused", "--json"))["events"]
        return [(event["object"], event["reason"]) for event in events]

    def test_a_revoked_administrator_or_regulator_does_not_enter(self):
        node = self.network["nodes"][3]
        folder = self.folder / "net/organisations" / node["organisation"].lower()
        self.cairn("admin", "status", "--node", node["name"])
        self.cairn("identity", "revoke", folder / "administrators/system-1/identity.pem", "--org", folder)
        error = self.cairn("admin", "status", "--node", node["name"], expect=1)
        self.assertIn("CRN-CRY-0015", error)
        self.cairn("identity", "revoke", folder / "regulators/developer/identity.pem", "--certificate-only", "--org", folder)
        error = self.cairn("audit", "collect", "--node", node["name"], "--out", self.folder / "refused", expect=1)
        self.assertIn("CRN-CRY-0015", error)
        # With a new key and certificate they are back, and the log tells why they were not.
        self.cairn("identity", "renew", "administrators/system-1", "--org", folder)
        self.cairn("admin", "status", "--node", node["name"])
        for zone, who in (("management", "system-administrator system-1"), ("regulator", "regulator developer")):
            (thing, reason), = self.refusals(node, zone)
            self.assertEqual(thing, f"{zone} listener, certificate of {who}")
            self.assertIn("CRN-CRY-0015", reason)

    def test_a_listener_whose_certificate_is_revoked_shows_it_to_nobody_until_it_is_renewed(self):
        node = self.network["nodes"][2]
        folder = self.folder / "net/organisations" / node["organisation"].lower()
        self.cairn("admin", "status", "--node", node["name"])
        self.cairn("identity", "revoke", folder / "validators" / node["name"] / "management.pem", "--org", folder)
        for _ in range(100):
            done = subprocess.run([CAIRN, "admin", "status", "--node", node["name"]], env=self.environment, capture_output=True, text=True,
                                  timeout=60)
            if done.returncode != 0:
                break
            time.sleep(0.1)
        self.assertIn("CRN-ZON-0011", done.stderr)
        self.cairn("identity", "renew", f"{node['name']}/management", "--org", folder)
        for _ in range(100):
            done = subprocess.run([CAIRN, "admin", "status", "--node", node["name"]], env=self.environment, capture_output=True, text=True,
                                  timeout=60)
            if done.returncode == 0:
                break
            time.sleep(0.1)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_listeners_follow_their_files_and_a_roll_over_of_the_ca(self):
        node = self.network["nodes"][3]
        folder = self.folder / "net/organisations" / node["organisation"].lower()
        ports = {zone["zone"]: zone["port"] for zone in self.zones(node["name"])}
        served = lambda zone: ssl.get_server_certificate(("127.0.0.1", ports[zone]))

        def wait_for(zone, stem):
            wanted = (folder / "validators" / node["name"] / f"{stem}.pem").read_text()
            for _ in range(200):
                if served(zone) == wanted:
                    return
                time.sleep(0.1)
            self.fail(f"{zone} still serves the old certificate")

        both = (("management", "management"), ("regulator", "regulation"))  # the clients' one: tls_test.py
        before = {zone: served(zone) for zone, _ in both}
        self.cairn("org", "renew", "--org", folder, "--within", 3650)
        for zone, stem in both:
            wait_for(zone, stem)
            self.assertNotEqual(served(zone), before[zone])
        self.cairn("admin", "status", "--node", node["name"])

        old = self.folder / "old-administrator"
        shutil.copytree(folder / "administrators/system-1", old)
        for stage in ("trust", "reissue"):
            self.cairn("org", "rotate-ca", "--stage", stage, "--org", folder)
            self.cairn("admin", "status", "--node", node["name"])
        for zone, stem in both:
            wait_for(zone, stem)
        shutil.copy(folder / "administrators/system-1/ca.pem", old)
        self.cairn("admin", "status", "--node", node["name"], "--identity", old)
        log = self.folder / "net/nodes" / node["name"] / "node.log"
        for _ in range(200):
            if log.read_text().count("certificate renewed") == 2:
                break
            time.sleep(0.1)
        self.cairn("org", "rotate-ca", "--stage", "remove", "--org", folder)
        self.cairn("admin", "status", "--node", node["name"])
        error = self.cairn("admin", "status", "--node", node["name"], "--identity", old, expect=8)
        self.assertIn("CRN-NET-0002", error)

    def test_every_command_is_given_by_the_administrators_it_names_and_by_nobody_else(self):
        folder = self.folder / "net/organisations/gamma"
        each = {"status", "commands", "pending", "confirm"}
        powers = {"system-1": each | {"stop", "set-log-level", "backup"},
                  "security-1": each | {"open-zone", "close-zone", "unlock", "rotate-certificate", "retire-storage-key",
                                       "retire-backup-key"},
                  "audit-1": each | {"anchor", "prune-audit"}}
        arguments = {"set-log-level": ["info"], "open-zone": ["client"], "close-zone": ["client"], "unlock": ["bob"],
                     "retire-storage-key": ["1"], "retire-backup-key": ["1"], "prune-audit": ["400"], "confirm": ["0x00"], "backup": ["/never/written"]}
        with_code = {"stop", "open-zone", "close-zone", "unlock", "retire-storage-key", "retire-backup-key", "prune-audit", "confirm", "backup"}
        self.cairn("identity", "issue", "person", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "--label", "client", "--org", folder)
        strangers = {"client": folder / "identities/client/tls", "regulator": folder / "regulators/developer/identity",
                     "peer": self.peer_identity(folder, "gamma-1"), "listener": folder / "validators/gamma-1/management"}
        people = {name: folder / "administrators" / name for name in powers}
        for name, stem in strangers.items():
            people[name] = self.folder / f"as-{name}"
            people[name].mkdir()
            for end in ("pem", "key"):
                shutil.copy(f"{stem}.{end}", people[name] / f"identity.{end}")
            shutil.copy(folder / "ca.pem", people[name])
        listed = {command["name"]: command for command in json.loads(self.cairn("admin", "commands", "--node", "gamma-1", "--json"))}
        commands = sorted(set.union(*powers.values()))
        self.assertEqual(set(listed), set(commands) | {"enrol-second-factor"})
        cells = 0
        for command in commands:
            for name, directory in people.items():
                done = subprocess.run([CAIRN, "admin", command, *arguments.get(command, []), "--node", "gamma-1", "--identity", directory],
                                      env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
                cells += 1
                if name not in powers:
                    # A person's certificate is for the chain, a listener's for servers: TLS or the zone refuses them.
                    self.assertNotEqual(done.returncode, 0, f"{command} by {name}")
                    self.assertRegex(done.stderr, "CRN-(ZON-0003|ZON-0011|NET-|CRY-)", f"{command} by {name}")
                elif command not in powers[name]:
                    self.assertIn("CRN-ZON-0016", done.stderr, f"{command} by {name}")
                elif command in with_code:
                    self.assertIn("CRN-ZON-0009", done.stderr, f"{command} by {name}")
                    # A command that works forgets the wrong codes.
                    self.cairn("admin", "status", "--node", "gamma-1", "--identity", directory)
                else:
                    self.assertEqual(done.returncode, 0, f"{command} by {name}: {done.stderr}")
        self.assertEqual(cells, len(commands) * 7)
        log = self.folder / "net/nodes/gamma-1/data/audit"
        events = json.loads(self.cairn("audit", "query", log, "--action", "admin", "--result", "refused", "--json"))["events"]
        wrong = [event for event in events if "CRN-ZON-0016" in event["reason"]]
        self.assertEqual(len(wrong), sum(len(set(commands) - allowed) for allowed in powers.values()))

    def test_the_highest_commands_take_two_persons(self):
        node = "beta-1"
        folder = self.folder / "net/organisations/beta/administrators"

        def give(person, *words):
            done = subprocess.run([CAIRN, "admin", *words, "--node", node, "--identity", folder / person, "--second-factor",
                                   self.folder / f"{person}.otp", "--json"], env=self.environment, capture_output=True, text=True, timeout=60)
            return done.stdout if done.returncode == 0 else "refused: " + done.stderr
        for person in ("security-1", "security-2", "system-1"):
            self.cairn("admin", "enrol", "--node", node, "--identity", folder / person, "--out", self.folder / f"{person}.otp")
        digest = json.loads(give("security-1", "retire-storage-key", "1"))["waits"]
        waiting = json.loads(self.cairn("admin", "pending", "--node", node, "--identity", folder / "audit-1", "--json"))
        self.assertEqual([(one["digest"], one["command"], one["by"]) for one in waiting],
                         [(digest, "retire-storage-key", "security-administrator security-1")])
        self.assertIn("CRN-ZON-0016", give("system-1", "confirm", digest))
        # The one version there is cannot go: the second person's word reaches the act, which refuses.
        self.assertRegex(give("security-2", "confirm", digest), "refused: .*CRN-STO-")
        self.assertEqual(json.loads(self.cairn("admin", "pending", "--node", node, "--json")), [])

    def test_a_certificate_is_requested_where_its_key_stays(self):
        organisation = self.folder / "net/organisations/delta"
        own = self.folder / "requested"

        def sign(*words, expect=0):
            return self.cairn("identity", "sign", own / "request.pem", "--org", organisation, *words, expect=expect)
        made = json.loads(self.cairn("identity", "request", "security-administrator", "erin", "--name", "Delta", "--out", own, "--json"))
        # A power is given by name, never because a request asks for it.
        self.assertIn("--role", sign(expect=2))
        self.assertIn("CRN-CRY-", sign("--role", "system-administrator", expect=1))
        self.assertIn("CRN-CRY-", sign("--role", "security-administrator", "--key-id", "0x" + "00" * 32, expect=1))
        sign("--role", "security-administrator", "--key-id", made["key_id"])
        home = organisation / "administrators/erin"
        self.assertEqual(sorted(file.name for file in home.iterdir()), ["ca.pem", "identity.pem"])
        for name in ("ca.pem", "identity.pem"):
            shutil.copy(home / name, own)
        self.assertIn("rotate-certificate", self.cairn("admin", "commands", "--node", "delta-1", "--identity", own))
        self.cairn("admin", "rotate-certificate", "--node", "delta-1", "--identity", own)
        self.assertIn("CRN-ZON-0016", self.cairn("admin", "set-log-level", "debug", "--node", "delta-1", "--identity", own, expect=1))
        # Renewed for the same key, which is nowhere else.
        self.cairn("org", "renew", "--within", "3650", "--org", organisation)
        self.assertEqual(sorted(file.name for file in home.iterdir()), ["ca.pem", "identity.pem"])
        shutil.copy(home / "identity.pem", own)
        self.cairn("admin", "status", "--node", "delta-1", "--identity", own)
        # Nobody gets two powers, and another key under this name only by its id.
        own = self.folder / "second-power"
        self.cairn("identity", "request", "audit-administrator", "erin", "--name", "Delta", "--out", own)
        self.assertIn("CRN-CRY-", sign("--role", "audit-administrator", expect=1))
        own = self.folder / "second-key"
        made = json.loads(self.cairn("identity", "request", "security-administrator", "erin", "--name", "Delta", "--out", own, "--json"))
        self.assertIn("--key-id", sign("--role", "security-administrator", expect=1))
        sign("--role", "security-administrator", "--key-id", made["key_id"])

    def test_two_zones_on_one_listener_are_refused(self):
        config = pathlib.Path(self.folder / "net/nodes/alpha-1/node.toml").read_text()
        ports = {zone["zone"]: zone["port"] for zone in self.zones("alpha-1")}
        shared = self.folder / "shared.toml"
        shared.write_text(config.replace(f':{ports["regulator"]}"', f':{ports["management"]}"'))
        self.assertIn("CRN-ZON-0001", self.cairn("network", "zones", "--config", shared, expect=1))

    def test_fewer_than_six_months_of_records_are_refused(self):
        config = pathlib.Path(self.folder / "net/nodes/alpha-1/node.toml").read_text()
        short = self.folder / "short.toml"
        short.write_text(config.replace("retention_days = 366", "retention_days = 183"))
        self.assertIn("CRN-AUD-0006", self.cairn("node", "run", "--config", short, expect=1))

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("nft") and shutil.which("unshare"),
                         "needs a network namespace of its own")
    def test_the_host_rules_load(self):
        rules = self.folder / "cairn.nft"
        rules.write_text(self.cairn("network", "zones", "--node", "alpha-1", "--nftables", "--allow", "22"))
        done = subprocess.run(["unshare", "-n", "sh", "-c", f"nft -c -f {rules} && nft -f {rules} && nft -f {rules} && nft list table inet cairn"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("tcp dport 22 accept", done.stdout)
        self.assertIn("policy drop", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
