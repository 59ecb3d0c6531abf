#!/usr/bin/env bash
# Formatting, floors and clang-tidy. `scripts/lint.sh --fix` formats in place.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/packages.sh --lint
mapfile -t files < <(git ls-files '*.cpp' '*.hpp')
if [[ ${1:-} == --fix ]]; then
    clang-format-19 -i "${files[@]}"
else
    clang-format-19 --dry-run --Werror "${files[@]}"
fi
python3 tests/floors_test.py
scripts/build.sh release >/dev/null
git ls-files 'src/*.cpp' | grep -vE '_(test|fuzz)\.cpp$' |
    xargs -P "$(nproc)" -n 4 clang-tidy-19 --quiet -p build/release --extra-arg=-D__cpp_concepts=202002L
