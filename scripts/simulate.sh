#!/usr/bin/env bash
# Many seeds of the consensus simulator on all cores: scripts/simulate.sh [SEEDS] [SCENARIO|all] [FIRST].
# A failing seed is printed with what shows it again, made smaller by leaving out faults.
set -euo pipefail
cd "$(dirname "$0")/.."
seeds=${1:-200} scenario=${2:-all} first=${3:-1}
[[ $seeds =~ ^[0-9]+$ && $first =~ ^[0-9]+$ ]] || { echo "usage: scripts/simulate.sh [SEEDS] [SCENARIO|all] [FIRST]" >&2; exit 2; }
scripts/build.sh release sim_main >/dev/null
cores=$(nproc) failed=0 workers=()
share=$(((seeds + cores - 1) / cores))
for ((core = 0; core < cores && core * share < seeds; ++core)); do
    low=$((first + core * share)) high=$((first + (core + 1) * share - 1))
    ((high >= first + seeds)) && high=$((first + seeds - 1))
    build/release/src/sim/sim_main "$low-$high" "$scenario" --shrink &
    workers+=($!)
done
for worker in "${workers[@]}"; do wait "$worker" || failed=1; done
exit "$failed"
