#!/usr/bin/env python3
"""A survey of every TLS listener that a running network declares (`cairn network zones --json`): what it speaks, to whom, and with which
certificate. The same survey of a TLS 1.2 server that is set up badly on purpose must find everything it looks for.

Every listener of every node: handshakes written byte by byte here for the versions, `openssl s_client` and Python's ssl for the rest.
Every listener of one node besides: Debian's testssl.sh (`--protocols --server-defaults --cipher-per-proto`, 25 to 60 s a port)."""
import concurrent.futures
import json
import os
import pathlib
import random
import re
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

CAIRN = pathlib.Path(os.environ.get("CAIRN", ROOT / "build/release/cairn"))
HOST = "127.0.0.1"
ALERT, HANDSHAKE, SERVER_HELLO, PROTOCOL_VERSION, HANDSHAKE_FAILURE = 21, 22, 2, 70, 40
VERSIONS = {"SSL 3.0": 0x0300, "TLS 1.0": 0x0301, "TLS 1.1": 0x0302, "TLS 1.2": 0x0303}
SUITES = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256", "TLS_AES_128_CCM_SHA256",
          "TLS_AES_128_CCM_8_SHA256")
# docs/reference/tls.md
SUITES_OF_ZONE = {zone: set(SUITES[:2]) for zone in ("peer", "client", "management", "regulator")}
CERTIFICATE_DAYS = 90
CLOSES_WITHIN = 25  # seconds, for one who never completes a handshake


def client_hello(version, suites):
    """RFC 5246 7.4.1.2, with what a server needs to agree on ECDHE: groups, formats and signature algorithms."""
    def block(size, content):
        return len(content).to_bytes(size, "big") + content
    extensions = b""
    for number, content in ((10, block(2, bytes.fromhex("001d00170018"))), (11, block(1, b"\0")),
                            (13, block(2, bytes.fromhex("0403080404010503080505010806060102030201"))), (35, b"")):
        extensions += number.to_bytes(2, "big") + block(2, content)
    body = (version.to_bytes(2, "big") + bytes(range(32)) + block(1, b"") + block(2, b"".join(s.to_bytes(2, "big") for s in suites))
            + block(1, b"\0") + block(2, extensions))
    return b"\x16\x03\x01" + block(2, b"\x01" + block(3, body))


# ECDSA and RSA with AES in CBC, which OpenSSL knows for all versions up to 1.2, and with AES-GCM for 1.2.
CBC = (0xC00A, 0xC009, 0xC014, 0xC013, 0x0035, 0x002F)
GCM = (0xC02C, 0xC02B, 0xC030, 0xC02F)


def answer_to(port, sent, wait):
    """What comes back until the other side closes, or None for its end if it keeps the connection open for `wait` seconds."""
    received = b""
    with socket.create_connection((HOST, port), 20) as line:
        try:
            line.sendall(sent)
            line.settimeout(wait)
            while chunk := line.recv(65536):
                received += chunk
                if len(received) > 1 << 20:
                    return received, False
        except TimeoutError:
            return received, False
        except ConnectionError:
            pass
    return received, True


def s_client(port, *options, identity=None, typed=b"", seconds=0.0):
    """Output of `openssl s_client`; `typed` is sent after the handshake, and the connection kept for `seconds` besides."""
    command = ["openssl", "s_client", "-connect", f"{HOST}:{port}", "-msg", *options]
    if identity:
        command += ["-cert", f"{identity}.pem", "-key", f"{identity}.key"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        if typed or seconds:
            time.sleep(seconds)
            process.stdin.write(typed)
            process.stdin.flush()
            time.sleep(seconds)
    except BrokenPipeError:
        pass
    try:
        output, _ = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    return output.decode(errors="replace")


def accepted(output):
    return "<<< " in output and "ServerHello" in output


class Survey:
    """Everything about one port that is not as it should be, as `problems`: lines of `what: detail`."""

    def __init__(self, port, suites, ca, owner, identity, foreign):
        self.port, self.suites, self.ca, self.owner = port, suites, ca, owner
        self.identity, self.foreign = identity, foreign  # PEM stems: who may complete a handshake (None: everybody), and who may not
        self.problems = []
        for step in (self.versions, self.offered_suites, self.certificates_of_clients if identity else self.no_certificates_of_clients,
                     self.after_the_handshake, self.own_certificate, self.plain_and_junk):
            step()

    def note(self, what, detail=""):
        self.problems.append(f"{what}: {detail}")

    def versions(self):
        for name, version in VERSIONS.items():
            for kind, suites in (("CBC", CBC), ("GCM", GCM)):
                if kind == "GCM" and version != 0x0303:
                    continue
                received, _ = answer_to(self.port, client_hello(version, suites), 20)
                if received[:1] == bytes([HANDSHAKE]) and received[5:6] == bytes([SERVER_HELLO]):
                    self.note(f"accepts {name}", kind)
                    if kind == "CBC":
                        self.note("suite without authenticated encryption", received[44:][:64].hex())
                # SSL 3.0 has no alert of that name: RFC 6101 leaves handshake_failure.
                elif received[:1] != bytes([ALERT]) or received[6:7] != bytes([PROTOCOL_VERSION if version != 0x0300 else HANDSHAKE_FAILURE]):
                    self.note(f"does not refuse {name} for its version", received[:16].hex())
        if "Protocol  : TLSv1.3" not in (shown := s_client(self.port, "-tls1_3")) and "New, TLSv1.3" not in shown:
            self.note("does not speak TLS 1.3")

    def offered_suites(self):
        found = {suite for suite in SUITES if accepted(s_client(self.port, "-tls1_3", "-ciphersuites", suite))}
        if found != self.suites:
            self.note("suites", ", ".join(sorted(found)))

    def handshake(self, identity, speak=b""):
        """Reads without having written, so that no refusal is lost; returns the reason of the refusal, or what came."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if identity:
            context.load_cert_chain(f"{identity}.pem", f"{identity}.key")
        with socket.create_connection((HOST, self.port), 20) as line:
            try:
                with context.wrap_socket(line) as session:
                    session.settimeout(3)
                    try:
                        return f"data {session.recv(65536)[:40]!r}"
                    except TimeoutError:
                        session.sendall(speak)
                        return f"answered {session.recv(65536)[:40]!r}"
            except ssl.SSLError as refusal:
                return refusal.reason or str(refusal)
            except (TimeoutError, ConnectionError) as end:
                return type(end).__name__

    def certificates_of_clients(self):
        if "CertificateRequest" not in s_client(self.port):
            self.note("asks for no client certificate")
        request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for who, identity, reasons in (("without a certificate", None, {"TLSV13_ALERT_CERTIFICATE_REQUIRED"}),
                                       ("with a stranger's certificate", self.foreign,
                                        {"TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_BAD_CERTIFICATE", "TLSV1_ALERT_ACCESS_DENIED",
                                         "SSLV3_ALERT_CERTIFICATE_UNKNOWN"})):
            refusal = self.handshake(identity, request)
            if refusal not in reasons:
                self.note(f"client {who} is not refused", refusal)

    def no_certificates_of_clients(self):
        if "CertificateRequest" in s_client(self.port):
            self.note("asks for a client certificate")

    def after_the_handshake(self):
        """With the certificate of one who may enter: only then does a server come to the point of giving a ticket."""
        output = s_client(self.port, identity=self.identity, seconds=1.0, typed=b"R\n")
        if not accepted(output) or re.search(r"\n(<<< .*Alert|.*:error:.*alert)", output.split("R\n")[0].split("RENEGOTIATING")[0]):
            self.note("refuses one who may enter", output[-300:])
        if "NewSessionTicket" in output:
            self.note("gives session tickets")
        if "Session-ID: " in output and re.search(r"Session-ID: [0-9A-F]{16}", output):
            self.note("keeps sessions")
        if output.count("ServerHello, ") + len(re.findall(r"Handshake.*ServerHello\n", output)) > 1:
            self.note("renegotiates")
        if "Compression: NONE" not in output:
            self.note("compresses")
        if re.search(r"Max Early Data: [1-9]", output):
            self.note("takes early data")

    def own_certificate(self):
        chain = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", s_client(self.port, "-showcerts"), re.S)
        if len(chain) != 2:
            self.note("certificate chain", f"of {len(chain)}, not the node's and its organisation's CA")
        if not chain:
            return

        def shown(pem, *options):
            return subprocess.run(["openssl", "x509", "-noout", *options], input=pem, capture_output=True, text=True).stdout
        text = shown(chain[0], "-text")
        if "ASN1 OID: prime256v1" not in text:
            self.note("certificate key", "not P-256")
        if "Signature Algorithm: ecdsa-with-SHA256" not in text:
            self.note("certificate signature", "not ECDSA with SHA-256")
        if "CA:TRUE" in text or "TLS Web Server Authentication" not in text:
            self.note("certificate usage")
        if shown(chain[0], "-subject").strip() != f"subject={self.owner}":
            self.note("certificate subject", shown(chain[0], "-subject").strip())
        if f"IP Address:{HOST}" not in text and "URI:cairn:" not in text and "DNS:" not in text:
            self.note("certificate names", "none")
        start, end = (ssl.cert_time_to_seconds(line.split("=")[1]) for line in shown(chain[0], "-startdate", "-enddate").splitlines())
        if not start <= time.time() <= end or end - start > CERTIFICATE_DAYS * 86_400 + 86_400:
            self.note("certificate lifetime", f"{(end - start) / 86_400:.1f} days")
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as leaf:
            leaf.write(chain[0])
            leaf.flush()
            done = subprocess.run(["openssl", "verify", "-purpose", "sslserver", "-CAfile", self.ca, leaf.name], capture_output=True,
                                  text=True)
        if done.returncode != 0:
            self.note("certificate is not of the organisation's CA", done.stderr.strip().splitlines()[-1])

    def plain_and_junk(self):
        noise = random.Random(self.port)
        hello = client_hello(0x0303, GCM)
        sent = {"plain HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "plain HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                "noise": noise.randbytes(4096),
                "a record of absurd length": b"\x16\x03\x01\xff\xff" + noise.randbytes(2000),
                "an empty record": b"\x16\x03\x01\x00\x00" * 40,
                "application data before a handshake": b"\x17\x03\x03\x00\x20" + noise.randbytes(32),
                "an alert": b"\x15\x03\x01\x00\x02\x02\x28",
                "half a client hello": hello[:len(hello) // 2],
                "nothing": b""}
        with concurrent.futures.ThreadPoolExecutor(len(sent)) as together:
            for name, (received, closed) in zip(sent, together.map(lambda junk: answer_to(self.port, junk, CLOSES_WITHIN), sent.values())):
                if received and received[0] != ALERT:
                    self.note(f"answers {name}", repr(received[:40]))
                if not closed:
                    self.note(f"keeps a connection open for {name}")


def make_identity(stem, subject, ca=None, names="", curve="P-256", key=None):
    """STEM.pem and STEM.key, of the CA `ca` (a stem) or signed with its own key."""
    extensions = stem.with_suffix(".ext")
    extensions.write_text("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n"
                          + (f"subjectAltName={names}\n" if names else ""))
    kind = key or ["-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{curve}"]
    commands = [["req", "-new", *kind, "-nodes", "-subj", subject, "-keyout", f"{stem}.key", "-out", f"{stem}.csr"],
                ["x509", "-req", "-in", f"{stem}.csr", "-days", "1", "-extfile", extensions, "-out", f"{stem}.pem",
                 *(["-CA", f"{ca}.pem", "-CAkey", f"{ca}.key"] if ca else ["-signkey", f"{stem}.key"])]]
    for command in commands:
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    return stem


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="cairn-tls-"))
        cls.environment = dict(os.environ, CAIRN_DEV_DIR=str(cls.folder / "net"), HOME=str(cls.folder))
        cls.network = json.loads(cls.cairn("dev", "up", "--tls", "--base-port", str(free_base(40)), "--json"))
        cls.listeners = [(node["name"], zone) for node in cls.network["nodes"] for zone in cls.zones(node["name"])]
        cls.stranger = make_identity(cls.folder / "stranger", "/O=Alpha/CN=alpha-1", names="DNS:localhost")

    @classmethod
    def tearDownClass(cls):
        subprocess.run([CAIRN, "dev", "down", "--wipe"], env=cls.environment, capture_output=True)
        shutil.rmtree(cls.folder, ignore_errors=True)

    @classmethod
    def cairn(cls, *words):
        done = subprocess.run([CAIRN, *words], env=cls.environment, capture_output=True, text=True, timeout=180)
        if done.returncode != 0:
            raise AssertionError(f"cairn {words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    @classmethod
    def zones(cls, node):
        return json.loads(cls.cairn("network", "zones", "--node", node, "--json"))["listeners"]

    @classmethod
    def tls_listeners(cls):
        return [(node, zone) for node, zone in cls.listeners if zone["protocol"].startswith("TLS")]

    def entitled(self, node, zone):
        """Nobody in particular for the clients' listener. Else one who may complete a handshake at this listener. For the peers' a certificate as another validator has it, made with that
        organisation's CA: the key of the real one never leaves its signer."""
        organisations = self.folder / "net/organisations"
        if zone == "client":
            return None
        if zone != "peer":
            person = {"management": "administrators/system-1", "regulator": "regulators/developer"}[zone]
            return organisations / node.split("-")[0] / person / "identity"
        other = next(other["name"] for other in self.network["nodes"] if other["name"] != node)
        stem = self.folder / f"as-{other}"
        if not stem.with_suffix(".pem").exists():
            organisation = organisations / other.split("-")[0]
            shown = subprocess.run(["openssl", "x509", "-in", organisation / f"validators/{other}/tls.pem", "-noout", "-ext", "subjectAltName"],
                                   capture_output=True, text=True, check=True).stdout
            make_identity(stem, f"/O={other.split('-')[0].capitalize()}/CN={other}", organisation / "ca", shown.split()[-1])
        return stem

    def test_every_declared_listener_is_tls(self):
        self.assertEqual(len(self.listeners), 4 * len(self.network["nodes"]))
        self.assertEqual(self.tls_listeners(), self.listeners)

    def test_the_command_line_takes_the_nodes_certificate_from_its_organisations_ca_alone(self):
        node = self.network["nodes"][0]
        self.assertTrue(node["rpc"].startswith("https://"), node["rpc"])
        environment = dict(self.environment, CAIRN_DEV_DIR=str(self.folder / "elsewhere"))

        def ask(*words, url=node["rpc"]):
            return subprocess.run([CAIRN, "rpc", "eth_chainId", "--rpc", url, *words], env=environment, capture_output=True, text=True)
        trusted = ask("--rpc-ca", self.folder / f"net/organisations/{node['organisation'].lower()}/ca.pem")
        self.assertEqual((trusted.returncode, "0x1f54" in trusted.stdout), (0, True), trusted.stderr)
        for words in ([], ["--rpc-ca", f"{self.stranger}.pem"], ["--rpc-ca", self.folder / "net/organisations/beta/ca.pem"]):
            refused = ask(*words)
            self.assertNotEqual(refused.returncode, 0, words)
            self.assertIn("CRN-NET-0002", refused.stderr)
        self.assertIn("CRN-CLI-0006", ask(url=node["rpc"].replace("https", "http")).stderr)

    def test_a_listener_for_clients_beyond_loopback_is_not_started_in_the_clear(self):
        config = (self.folder / "net/nodes/alpha-1/node.toml").read_text()
        token = self.folder / "token"
        token.write_text("0123456789abcdef0123456789abcdef\n")
        plain = self.folder / "plain.toml"
        lines = [line for line in config.splitlines() if "/client." not in line and not line.startswith("ca = ")]
        self.assertEqual(len(lines), len(config.splitlines()) - 3)
        plain.write_text(re.sub(r'(?m)^(\[rpc\]\n)listen = "127.0.0.1:(\d+)"$', rf'\1token_file = "{token}"\nlisten = "0.0.0.0:\2"',
                                "\n".join(lines)))
        for words in (["node", "run"], ["network", "zones"]):
            done = subprocess.run([CAIRN, *words, "--config", plain], env=self.environment, capture_output=True, text=True, timeout=60)
            self.assertNotEqual(done.returncode, 0, words)
            self.assertIn("CRN-RPC-0007", done.stderr)

    def test_every_tls_listener_is_as_documented(self):
        surveys = {}
        with concurrent.futures.ThreadPoolExecutor(6) as together:
            for node, zone in self.tls_listeners():
                organisation = node.split("-")[0]
                surveys[node, zone["zone"]] = together.submit(
                    Survey, zone["port"], SUITES_OF_ZONE[zone["zone"]], self.folder / f"net/organisations/{organisation}/ca.pem",
                    f"O = {organisation.capitalize()}, CN = {node}", self.entitled(node, zone["zone"]), self.stranger)
        for (node, zone), survey in surveys.items():
            with self.subTest(node=node, zone=zone):
                self.assertEqual(survey.result().problems, [])

    def test_the_survey_finds_what_a_badly_set_up_server_does(self):
        weak = make_identity(self.folder / "weak", "/O=Weak/CN=weak", key=["-newkey", "rsa:2048"])
        port = free_base(1)
        server = subprocess.Popen(["openssl", "s_server", "-accept", f"{HOST}:{port}", "-cert", f"{weak}.pem", "-key", f"{weak}.key", "-tls1_2",
                                   "-cipher", "ALL:@SECLEVEL=0", "-client_renegotiation", "-www"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                try:
                    socket.create_connection((HOST, port), 1).close()
                    break
                except ConnectionError:
                    time.sleep(0.05)
            found = Survey(port, SUITES_OF_ZONE["peer"], self.folder / "net/organisations/alpha/ca.pem", "O = Alpha, CN = alpha-1",
                           self.stranger, self.stranger).problems
        finally:
            server.kill()
            server.wait()
        for problem in ("accepts TLS 1.2", "suite without authenticated encryption", "does not speak TLS 1.3", "suites",
                        "asks for no client certificate", "client without a certificate is not refused",
                        "client with a stranger's certificate is not refused", "gives session tickets", "keeps sessions", "renegotiates",
                        "certificate chain", "certificate key", "certificate signature", "certificate subject", "certificate names",
                        "certificate is not of the organisation's CA", "keeps a connection open for nothing"):
            with self.subTest(problem=problem):
                self.assertTrue(any(line.startswith(problem + ":") for line in found), "\n".join(found))

    @unittest.skipUnless(shutil.which("testssl"), "Debian's testssl.sh: scripts/packages.sh --test")
    def test_testssl_agrees_on_every_listener_of_one_node(self):
        node = self.network["nodes"][0]["name"]
        zones = [zone for name, zone in self.tls_listeners() if name == node]

        def scan(zone):
            report = self.folder / f"{zone['zone']}.json"
            started = time.monotonic()
            # Its own trial connections have no certificate, so it would stop at once without `--warnings off`.
            subprocess.run(["testssl", "--warnings", "off", "--color", "0", "--quiet", "--nodns", "none", "--protocols", "--server-defaults",
                            "--cipher-per-proto", "--jsonfile", report, f"{HOST}:{zone['port']}"],
                           capture_output=True, timeout=400, env=dict(self.environment, HOME=str(self.folder)))
            print(f"testssl.sh, {zone['zone']}: {time.monotonic() - started:.0f} s", file=sys.stderr)
            return report
        with concurrent.futures.ThreadPoolExecutor(len(zones)) as together:
            reports = list(together.map(scan, zones))
        for zone, report in zip(zones, reports):
            with self.subTest(zone=zone["zone"]):
                found = {entry["id"]: entry["finding"] for entry in json.loads(report.read_text())}
                for version in ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2"):
                    self.assertTrue(found[version].startswith("not offered"), found[version])
                self.assertIn("offered with final", found["TLS1_3"])
                suites = {finding.split()[-1] for name, finding in found.items() if name.startswith("cipher-tls1_3_")}
                self.assertEqual(suites, SUITES_OF_ZONE[zone["zone"]])
                self.assertFalse([name for name in found if re.match(r"cipher-(ssl|tls1_[012]_|tls1_x)", name)])
                self.assertEqual(found["TLS_session_ticket"].split()[0], "no")
                self.assertIn("not supported", found["sessionresumption_ticket"])
                self.assertIn("no resumption", found["sessionresumption_ID"])
                self.assertIn("EC 256 bits", found["cert_keySize"])
                self.assertEqual(found["cert_signatureAlgorithm"], "ECDSA with SHA256")
                self.assertEqual(found["certs_countServer"], "2")


if __name__ == "__main__":
    unittest.main(verbosity=2)
