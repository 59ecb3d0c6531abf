#!/usr/bin/env bash
# Checks the model of the ordering rules in docs/model: exhaustively for three views, and that each removed rule is noticed.
set -euo pipefail
model=$(cd "$(dirname "$0")/../docs/model" && pwd)/simplex.pml
command -v spin >/dev/null || { echo "spin is missing: apt-get install spin"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check NAME EXPECTED_ERRORS FLAGS...: runs the model in its own folder; hash-compacted states, at most 2 GB and six minutes.
check() {
    local name=$1 expected=$2
    shift 2
    mkdir "$work/$name"
    (cd "$work/$name" && spin "$@" -a "$model" >/dev/null &&
        gcc -O2 -DSAFETY -DNOREDUCE -DHC4 -DMEMLIM=2048 -o pan pan.c &&
        timeout 360 ./pan -m100000 >out 2>&1) || { echo "model $name: did not finish"; cat "$work/$name/out"; exit 1; }
    local errors states
    errors=$(sed -n 's/.*errors: \([0-9]*\)$/\1/p' "$work/$name/out")
    states=$(sed -n 's/ *\([0-9e.+]*\) states, stored.*/\1/p' "$work/$name/out")
    if grep -q 'max search depth too small\|search was not completed\|out of memory' "$work/$name/out" && [[ $expected == 0 ]]; then
        echo "model $name: search was not completed"
        exit 1
    fi
    if [[ $errors != "$expected" ]]; then
        echo "model $name: $errors errors, expected $expected"
        cat "$work/$name/out"
        exit 1
    fi
    echo "model $name: $states states, $errors errors as expected"
}

check three_views 0 -DVIEWS=3 & # takes as long as all others together
largest=$!
check amnesia 0 -DVIEWS=2 -DAMNESIA
for rule in QUORUM NO_SKIP_CERTIFICATES FINALIZE_AFTER_NULLIFY FINALIZE_OTHER; do
    check "without_${rule,,}" 1 -DVIEWS=2 "-DBUG_$rule"
done
check without_abstention 1 -DVIEWS=2 -DAMNESIA -DBUG_AMNESIA_VOTES
wait "$largest"
