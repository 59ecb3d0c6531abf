#!/usr/bin/env bash
# Measures the hot paths and a four-validator network; prints the machine's bare signature rate beside every figure.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build.sh release
tests/unpack_vectors.sh
for program in build/release/bench/cairn_*_bench; do
    [[ -x $program ]] || continue
    echo "== $(basename "$program")"
    "$program"
done
dir=$(mktemp -d)
export CAIRN_DEV_DIR=$dir/net
trap 'build/release/cairn dev down --wipe >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
build/release/cairn dev up --base-port "$(python3 tests/free_ports.py 40)" --json >"$dir/network.json"
rpc=$(python3 -c 'import json,sys; print(",".join(n["rpc"] for n in json.load(open(sys.argv[1]))["nodes"]))' "$dir/network.json")
for kind in transfer erc20 record; do
    echo "== four validators, $kind"
    build/release/cairn bench load --rpc "$rpc" --kind "$kind" --txs 40000 --accounts 400 --json
done
