#!/usr/bin/env bash
# What encryption at rest costs: pairs of runs of `cairn bench load`, on and off alternating, each with a fresh network of four
# validators on this machine. Prints one line per run, then the ratios of each pair and their median, in transactions per second
# and in processor time of the nodes per 1,000 transactions (which other work on the machine disturbs less).
# Usage: bench/encryption_cost.sh [PAIRS] [TRANSACTIONS] [BASE_PORT]
set -euo pipefail
cd "$(dirname "$0")/.."
cairn=$PWD/build/release/cairn pairs=${1:-5} txs=${2:-20000} base=${3:-43100}
work=$(mktemp -d)
trap '"$cairn" dev down --dir "$work/net" -q >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

run() { # on|off
    local net=$work/net
    rm -rf "$net"
    "$cairn" dev up --dir "$net" --base-port "$base" -q >/dev/null
    if [[ $1 == off ]]; then
        "$cairn" dev down --dir "$net" -q >/dev/null
        rm -rf "$net"/nodes/*/data
        # The signers remember the first start, and would refuse to begin anew: they forget with the chain that they signed for.
        local keys
        for keys in "$net"/organisations/*/validators/*/keys.sealed; do
            rm -f "$keys".state.*
            "$cairn" signer reset --keys "$keys" --view 0 --position 0 --height 0 --passphrase-file "$net/signer.passphrase" -q >/dev/null
        done
        for config in "$net"/nodes/*/node.toml; do printf '\n[storage]\nencryption = "off-for-measuring"\n' >>"$config"; done
        "$cairn" dev up --dir "$net" -q >/dev/null
    fi
    CAIRN_DEV_DIR=$net "$cairn" bench load --txs "$txs" --dir "$net" --json >"$work/result.json"
    python3 - "$net/state.json" "$work/result.json" "$1" "$txs" "$work/runs" <<'PY'
import json, os, sys
state, result, kind, txs, runs = sys.argv[1:]
ticks = 0
for node in json.load(open(state))["nodes"]:
    fields = open(f"/proc/{node['pid']}/stat").read().rsplit(")", 1)[1].split()
    ticks += int(fields[11]) + int(fields[12])
cpu_ms = ticks * 1000 / os.sysconf("SC_CLK_TCK") / (int(txs) / 1000)
document = json.load(open(result))
rate = document["tps"]
print(f"{kind:3}  {rate:8.0f} tx/s  {cpu_ms:8.1f} ms of processor time per 1,000 transactions", flush=True)
open(runs, "a").write(f"{kind} {rate} {cpu_ms}\n")
PY
    "$cairn" dev down --dir "$net" -q >/dev/null
}

for ((pair = 0; pair < pairs; ++pair)); do
    if ((pair % 2 == 0)); then run on; run off; else run off; run on; fi
done
python3 - "$work/runs" <<'PY'
import statistics, sys
rows = [line.split() for line in open(sys.argv[1])]
on = [(float(r), float(c)) for kind, r, c in rows if kind == "on"]
off = [(float(r), float(c)) for kind, r, c in rows if kind == "off"]
rates = [a[0] / b[0] for a, b in zip(on, off)]
times = [a[1] / b[1] for a, b in zip(on, off)]
show = lambda values: " ".join(f"{value:.3f}" for value in values)
print(f"throughput on/off:     {show(rates)}  median {statistics.median(rates):.3f}")
print(f"processor time on/off: {show(times)}  median {statistics.median(times):.3f}")
PY
