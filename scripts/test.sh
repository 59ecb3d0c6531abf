#!/usr/bin/env bash
# All tests, in stages. `scripts/test.sh STAGE...` runs only those; `--list` names them.
# Each stage's output goes to build/test-logs/STAGE.log and is shown when it fails. On SIGTERM or SIGINT it says what was running, ends
# that, and ends: so a stage that hangs is known from the log of whoever lost patience.
set -uo pipefail
cd "$(dirname "$0")/.."

jobs=$(nproc)
logs=build/test-logs
fuzz_seconds=${CAIRN_FUZZ_SECONDS:-3}

stage_packages() { scripts/packages.sh --test; }
stage_vectors()  { tests/unpack_vectors.sh; }
stage_build()    { scripts/build.sh release; }
stage_floors()   { python3 tests/floors_test.py; }
stage_unit()     { ctest --test-dir build/release --output-on-failure --timeout 600 -j "$jobs"; }
stage_assurance() { python3 tests/assurance/assurance_test.py; }
stage_model()    { tests/model.sh; }
stage_docs()     { tests/docs.sh; }
stage_cli()      { tests/cli/run.sh; }
stage_network()  { tests/network/run.sh; }
stage_tour()     { tests/tour/run.sh; }
stage_clients()  { tests/clients/run.sh; }
# One build for both: the preset `fuzz` has the address and undefined behaviour sanitizers too. The stages that run whole networks wait more
# than they compute, so meanwhile it is made ahead of its stage, with what time they leave.
build_sanitized() { scripts/build.sh fuzz all_tests all_fuzzers; }
build_ahead() {
    chrt --idle --pid 0 "$BASHPID" || return 1
    build_sanitized
}
stage_asan()     { build_sanitized && ctest --test-dir build/fuzz --output-on-failure --timeout 900 -j "$jobs"; }
# Left out, because the sanitizer forbids it (they hang now and then): tests whose forked children open a RocksDB, which starts threads, after
# their parent had some. They run in stages unit and asan. tsan.supp names what is suppressed, and why.
stage_tsan() {
    local floors=(base network storage consensus pool rpc)
    local left_out='Killed.*:RocksDb.reports_a_full_disk*:RocksDb.is_locked_for_another*'
    scripts/build.sh tsan "${floors[@]/%/_test}" &&
        TSAN_OPTIONS="suppressions=$PWD/scripts/tsan.supp" GTEST_FILTER="-$left_out" \
            ctest --test-dir build/tsan --output-on-failure --timeout 900 -j "$jobs" -R "^($(IFS='|'; echo "${floors[*]}"))\$"
}
fuzz_one() {
    local said
    said=$("$1" -max_total_time="$fuzz_seconds" -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 -artifact_prefix="$logs/" 2>&1)
    local ended=$?
    echo "fuzz: $(basename "$1") for $fuzz_seconds s"
    grep -E 'stat::number_of_executed_units|ERROR|SUMMARY|ALARM' <<<"$said"
    return $ended
}
stage_fuzz() {
    build_sanitized || return 1
    local programs
    mapfile -t programs < <(find build/fuzz/src -type f -name '*_fuzz' -executable | sort)
    export -f fuzz_one
    export fuzz_seconds logs
    printf '%s\0' "${programs[@]}" | xargs -0 -P "$jobs" -I{} bash -c 'fuzz_one "$1" || exit 255' _ {} || return 1
    echo "fuzz: ${#programs[@]} programs without a finding"
    [[ ${#programs[@]} -gt 0 ]]
}

all=(packages vectors build floors unit assurance model docs cli network tour clients asan tsan fuzz)
if [[ ${1:-} == --list ]]; then printf '%s\n' "${all[@]}"; exit 0; fi
stages=("$@")
[[ ${#stages[@]} -eq 0 ]] && stages=("${all[@]}")

descendants() {
    local child
    for child in $(ps -o pid= --ppid "$1"); do
        echo "$child"
        descendants "$child"
    done
}
interrupted() {
    trap '' TERM INT
    local running
    running=$(descendants "$work"; [[ -z $ahead ]] || { echo "$ahead"; descendants "$ahead"; })
    printf '\ninterrupted in stage %s after %d s; running:\n' "$stage" $((SECONDS - start))
    ps -ww -o pid,ppid,etime,stat,args -p "$(echo $work $running | tr ' ' ,)"
    printf 'the end of %s:\n' "$logs/$stage.log"
    tail -n 20 "$logs/$stage.log" | sed 's/^/    /'
    kill $work $running 2>/dev/null
    exit "$1"
}

mkdir -p "$logs"
passed=0 failed=() ahead=
for stage in "${stages[@]}"; do
    start=$SECONDS
    printf '%-10s ' "$stage"
    if [[ $stage == docs && " ${stages[*]} " == *" asan "* ]]; then
        build_ahead >"$logs/ahead.log" 2>&1 &
        ahead=$!
    elif [[ $stage == asan && -n $ahead ]]; then
        wait "$ahead" # if it has failed, the stage says why
        ahead=
    fi
    "stage_$stage" >"$logs/$stage.log" 2>&1 & # so that a signal is answered at once, not when the stage is over
    work=$!
    trap 'interrupted 143' TERM
    trap 'interrupted 130' INT
    if wait "$work"; then
        passed=$((passed + 1))
        printf 'ok     %4d s  %s\n' $((SECONDS - start)) "$(grep -aE '[0-9]+ (passed|checked|programs)|tests passed' "$logs/$stage.log" | tail -n 1)"
    else
        failed+=("$stage")
        printf 'FAILED %4d s\n' $((SECONDS - start))
        tail -n 60 "$logs/$stage.log" | sed 's/^/    /'
        case $stage in packages | build) break ;; esac
    fi
done
echo "$passed passed, ${#failed[@]} failed"
# Last, for whoever sees only the end of this: what failed, and why as far as tests say it in a line.
for stage in "${failed[@]}"; do
    echo "failed: $stage"
    grep -aE '\[  FAILED  \]|: Failure$|AssertionError|ERROR: |SUMMARY: |FAILED:' "$logs/$stage.log" | sort -u | head -n 20 | cut -c1-200 | sed 's/^/    /'
done
[[ ${#failed[@]} -eq 0 ]]
