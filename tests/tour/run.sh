#!/usr/bin/env bash
# The tour of `make run`, in a folder and on ports of its own, and ended afterwards.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
export CAIRN_TOUR_DIR=$dir/tour CAIRN_TOUR_PORT=${CAIRN_TOUR_PORT:-$(python3 tests/free_ports.py 40)}
trap 'build/release/cairn dev down --dir "$CAIRN_TOUR_DIR" --wipe || true; rm -rf "$dir"' EXIT
scripts/run.sh
heights=$(build/release/cairn dev status --dir "$CAIRN_TOUR_DIR" --json |
    python3 -c 'import json,sys; print(" ".join(str(n["height"]) for n in json.load(sys.stdin)["nodes"]))')
echo "heights after the tour: $heights"
[[ $(wc -w <<<"$heights") -eq 4 ]]
grep -q 'CRN-LED-0007' "$CAIRN_TOUR_DIR/refusal.txt"
echo "1 passed, 0 failed"
