#!/usr/bin/env bash
# Real clients against a network: installs the npm packages of the lock file, compiles the contracts, runs every test.
#   run.sh                 starts four validators on free ports in a temporary folder, and ends them
#   run.sh NETWORK.json    uses a network that runs: the file holds the answer of `cairn dev up --json`
#   run.sh --anvil         tries the tests themselves against anvil
# CAIRN names the program; default: build/release/cairn, else build/debug/cairn.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$here"

if [[ ! -e node_modules/.installed || package-lock.json -nt node_modules/.installed ]]; then
    npm ci --no-progress --loglevel=error
    touch node_modules/.installed
fi
"$root/tests/unpack_vectors.sh"
node --import tsx src/compile.ts

# The lightest first; one after the other, for each moves the chain.
tests=(test/interfaces.test.ts test/bundle.test.ts test/ethers.test.ts test/viem.test.ts test/web3.test.ts
       test/hardhat.test.ts test/system_contracts.test.ts test/keys.test.ts test/differential.test.ts)
run_tests() {
    local failed=0
    for file in "${tests[@]}"; do
        echo "== $file"
        timeout 120 node --import tsx --test "$file" || failed=1
    done
    return $failed
}

if [[ "${1:-}" == "--anvil" ]]; then
    exec node --import tsx src/with_anvil.ts bash -c 'status=0; for f in "$@"; do timeout 120 node --import tsx --test "$f" || status=1; done; exit $status' tests "${tests[@]}"
fi
if [[ -n "${1:-}" ]]; then
    CLIENTS_NETWORK=$(realpath "$1")
    export CLIENTS_NETWORK
    run_tests
    exit
fi

cairn=${CAIRN:-$root/build/release/cairn}
[[ -x "$cairn" ]] || cairn=$root/build/debug/cairn
[[ -x "$cairn" ]] || { echo "run.sh: no cairn program; build it, or name it in CAIRN" >&2; exit 1; }
folder=$(mktemp -d)
finish() {
    "$cairn" dev down --dir "$folder/net" --wipe >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap finish EXIT
base_port=$(python3 ../free_ports.py 40)
"$cairn" dev up --nodes 4 --dir "$folder/net" --base-port "$base_port" --json >"$folder/network.json"
export CLIENTS_NETWORK=$folder/network.json
run_tests
