#!/usr/bin/env bash
# The tour of `make run`: build, four organisations, a contract, a piece of evidence, a validator killed.
# Leaves the network running. Settings: CAIRN_TOUR_DIR (default .cairn-tour), CAIRN_TOUR_PORT (default 8545).
set -euo pipefail
cd "$(dirname "$0")/.."

dir=${CAIRN_TOUR_DIR:-$PWD/.cairn-tour}
port=${CAIRN_TOUR_PORT:-8545}
cairn=$PWD/build/release/cairn
bundle=$dir/README.bundle.json

step=0
say() {
    step=$((step + 1))
    printf '\n\033[1m%d. %s\033[0m\n' "$step" "$*"
}
# Verbs that talk to a node find the network of the tour by themselves.
export CAIRN_DEV_DIR=$dir
show() {
    printf '   $ %s\n' "${*//$PWD\//}"
    "$@" | sed 's/^/     /'
}

say "Packages and build"
scripts/packages.sh
scripts/build.sh release cairn
(
    cd tests/clients
    [[ node_modules/.package-lock.json -nt package-lock.json ]] || npm ci --silent --no-audit --no-fund
)

say "Four organisations, one validator each, on this machine"
if "$cairn" dev status --dir "$dir" >/dev/null 2>&1; then
    echo "   the network of an earlier tour is here; it goes on"
    "$cairn" dev down --dir "$dir" >/dev/null 2>&1
fi
show "$cairn" dev up --dir "$dir" --base-port "$port"
"$cairn" dev status --dir "$dir" --json >"$dir/network.json"

say "A Solidity contract: an OpenZeppelin ERC-20, compiled here, deployed and used with ethers"
show node tests/tour/token.mjs "$dir/network.json" "$dir/Token.json"

say "Evidence: this repository's README is recorded, proved and verified off line"
show "$cairn" record add README.md
show "$cairn" record prove README.md --out "$bundle"
show "$cairn" record verify README.md "$bundle" --genesis "$dir/genesis.json"

say "One changed byte is refused"
changed=$dir/README.changed.md
sed '1s/^./X/' README.md >"$changed"
if "$cairn" record verify "$changed" "$bundle" --genesis "$dir/genesis.json" >"$dir/refusal.txt" 2>&1; then
    echo "   a changed file was accepted: this must not happen" >&2
    exit 1
fi
sed 's/^/     /' "$dir/refusal.txt"

say "One validator is killed; the other three go on"
victim=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["nodes"][-1]["name"])' "$dir/network.json")
show "$cairn" dev kill "$victim" --dir "$dir"
show node tests/tour/token.mjs "$dir/network.json" "$dir/Token.json" transfer
show "$cairn" dev restart "$victim" --dir "$dir"
show "$cairn" dev status --dir "$dir"

cat <<EOF

The network runs on. Try next:
  $cairn dev status --dir $dir
  CAIRN_DEV_DIR=$dir $cairn block show latest
  $cairn dev down --dir $dir            (stop; add --wipe to remove its data)
EOF
