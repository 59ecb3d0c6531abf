#!/usr/bin/env python3
"""What each protection costs that can be chosen: pairs of runs of `cairn bench load`, with it and without it in turns, each run on a
fresh network of four validators on this machine. Where there is no switch, because nobody should have one, the measure of the part
alone is printed instead. Ratios are with to without: throughput below 1, processor time above 1 is what it costs."""
import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CAIRN = ROOT / "build/release/cairn"
BENCH = ROOT / "build/release/bench"
sys.path.insert(0, str(ROOT / "tests"))
from free_ports import free_base


class Net:
    """A development network in a folder of its own; `change` alters it before its first block."""

    def __init__(self, folder, words, change=None):
        self.folder = folder / "net"
        self.environment = dict(os.environ, CAIRN_DEV_DIR=str(self.folder), HOME=str(folder))
        self.cairn("dev", "up", "--base-port", free_base(40), "-q", *words)
        if change:
            self.cairn("dev", "down", "-q")
            shutil.rmtree(folder / "kept", ignore_errors=True)
            for data in self.folder.glob("nodes/*/data"):
                shutil.rmtree(data)
            # The signers remember the first start, and would refuse to begin anew: they forget with the chain that they signed for.
            for keys in self.folder.glob("organisations/*/validators/*/keys.sealed"):
                for memory in keys.parent.glob(keys.name + ".state.*"):
                    memory.unlink()
                self.cairn("signer", "reset", "--keys", keys, "--view", 0, "--position", 0, "--height", 0,
                           "--passphrase-file", self.folder / "signer.passphrase", "-q")
            change(self)
            self.cairn("dev", "up", "-q")

    def cairn(self, *words):
        done = subprocess.run([CAIRN, *map(str, words)], env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise RuntimeError(f"cairn {' '.join(map(str, words))}: {done.stdout}{done.stderr}")
        return done.stdout

    def configs(self, change):
        for config in self.folder.glob("nodes/*/node.toml"):
            config.write_text(change(config.read_text()))

    def load(self, transactions):
        result = json.loads(self.cairn("bench", "load", "--txs", transactions, "--json"))
        ticks = 0
        for node in json.loads((self.folder / "state.json").read_text())["nodes"]:
            pids = [node["pid"]]
            pids += map(int, pathlib.Path(f"/proc/{node['pid']}/task/{node['pid']}/children").read_text().split())  # its signer
            for pid in pids:
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
        return result["tps"], ticks * 1000 / os.sysconf("SC_CLK_TCK") / (transactions / 1000)

    def remove(self):
        subprocess.run([CAIRN, "dev", "down", "--wipe", "-q"], env=self.environment, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def encryption_off(net):
    net.configs(lambda text: text + '\n[storage]\nencryption = "off-for-measuring"\n')


def zones_off(net):
    """The management and regulator listeners; what is left of the file names neither."""
    net.configs(lambda text: re.sub(r"\n\[(management|regulator)\]\n(?:[^\[\n].*\n)*", "\n", text))


def binding_off(net):
    genesis = net.folder / "genesis.json"
    old = json.loads(genesis.read_text())
    words = ["network", "genesis", "--chain-id", old["parameters"]["chain_id"], "--account-binding", "open", "--out", genesis]
    for address, account in old["accounts"].items():
        words += ["--account", f"{address}={account['balance']}"]
    for address, roles in old["roles"].items():
        for role in roles:
            words += ["--role", f"{role}={address}"]
    genesis.unlink()
    folders = sorted(net.folder.glob("organisations/*"))
    net.cairn(*words, *[folder / "organisation.json" for folder in folders], "-q")
    for folder in folders:
        net.cairn("network", "sign", genesis, "--org", folder, "-q")


# Name: what it is, words of `dev up` for the run with it and for the run without, what is changed for the run without.
SWITCHES = {
    "encryption": ("encryption at rest (AES-256-GCM)", [], [], encryption_off),
    "binding": ("accounts bound to organisations", [], [], binding_off),
    "zones": ("listeners for administrators and regulators", [], [], zones_off),
    "suite": ("Chinese suite: SM2 accounts and votes, SM4 files", ["--suite", "national"], [], None),
}


def measure(name, pairs, transactions, say):
    what, on_words, off_words, change = SWITCHES[name]
    runs = {"with": [], "without": []}
    for pair in range(pairs):
        for kind in ("with", "without") if pair % 2 == 0 else ("without", "with"):
            folder = pathlib.Path(tempfile.mkdtemp(prefix="cairn-switches-"))
            # An unchanged network is stopped and begun anew as well, so that both kinds have the same past.
            net = None
            try:
                off = kind == "without"
                net = Net(folder, off_words if off else on_words, (change if off else lambda _: None) if change else None)
                rate, cpu = net.load(transactions)
            finally:
                if net:
                    net.remove()
                shutil.rmtree(folder, ignore_errors=True)
            runs[kind].append((rate, cpu))
            say(f"{name:11} {kind:8} {rate:8.0f} tx/s {cpu:9.1f} ms of processor time per 1,000 transactions")
    ratios = lambda field: [round(on[field] / off[field], 3) for on, off in zip(runs["with"], runs["without"])]
    throughput, cpu = ratios(0), ratios(1)
    return {"protection": what, "switch": name, "throughput": throughput, "throughput_median": statistics.median(throughput),
            "processor_time": cpu, "processor_time_median": statistics.median(cpu)}


def first_number(text, label):
    found = re.search(rf"^{re.escape(label)}.*?(-?[\d.]+) us", text, re.M)
    return float(found.group(1)) if found else None


def parts():
    """The protections without a switch, each measured alone."""
    out = []
    trial = json.loads(subprocess.run([CAIRN, "signer", "trial", "--requests", "0", "--kills", "0", "--json"], capture_output=True,
                                      text=True, check=True).stdout)
    out.append(("signer in a process of its own", "one vote, p50, beside signing it in the node", f"{trial['added_p50_us']:.0f} us",
                "cairn signer trial --requests 0 --kills 0"))
    # Best of the runs: what else the machine does only adds.
    transfers = subprocess.run([BENCH / "cairn_execution_bench", "transfer", "6"], capture_output=True, text=True, check=True).stdout
    least = {word: min(map(float, re.findall(rf"{word} ([\d.]+)", transfers))) for word in ("apply", "judged", "ruled")}
    out.append(("roles, policies, freezes, labels", "one plain transfer: without, with the roles of a new network, with rules of all kinds",
                f"{least['apply']:.2f} us, {least['judged']:.2f} us, {least['ruled']:.2f} us", "cairn_execution_bench transfer 6"))
    events = 200_000
    audit = json.loads(subprocess.run([CAIRN, "bench", "audit", "--events", str(events), "--json"], capture_output=True, text=True,
                                      check=True).stdout)
    out.append(("audit log", "one event written", f"{audit['writing_seconds'] * 1e6 / events:.1f} us", f"cairn bench audit --events {events}"))
    checks = subprocess.run([BENCH / "cairn_crypto_bench"], capture_output=True, text=True, check=True).stdout
    for label in ("Ed25519 verify", "SM2 vote verify", "secp256k1 recover", "SM2 verify"):
        out.append(("signatures", label, f"{first_number(checks, label):.0f} us", "cairn_crypto_bench"))
    return [dict(zip(("protection", "measure", "result", "command"), row)) for row in out]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=[*SWITCHES, "parts"], help="measure this one (repeatable; default: all)")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--txs", type=int, default=20_000, help="transactions of a run")
    parser.add_argument("--json", action="store_true", help="one document instead of the table")
    arguments = parser.parse_args()
    chosen = arguments.only or [*SWITCHES, "parts"]
    say = lambda line: print(line, file=sys.stderr, flush=True)
    rows = [measure(name, arguments.pairs, arguments.txs, say) for name in SWITCHES if name in chosen]
    alone = parts() if "parts" in chosen else []
    load = os.getloadavg()[0]
    if arguments.json:
        print(json.dumps({"switches": rows, "parts": alone, "load": round(load, 1), "pairs": arguments.pairs, "txs": arguments.txs}, indent=2))
        return
    for row in rows:
        pairs = " ".join(f"{value:.3f}" for value in row["throughput"])
        print(f"{row['protection']}\n    throughput      {row['throughput_median']:.3f}  ({pairs})")
        pairs = " ".join(f"{value:.3f}" for value in row["processor_time"])
        print(f"    processor time  {row['processor_time_median']:.3f}  ({pairs})")
    for row in alone:
        print(f"{row['protection']}\n    {row['measure']}: {row['result']}  [{row['command']}]")
    print(f"load average at the end: {load:.1f}")


if __name__ == "__main__":
    main()
