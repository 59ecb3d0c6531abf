#!/usr/bin/env bash
# Documents tell the truth: generated pages are current, and every command block runs.
set -euo pipefail
cd "$(dirname "$0")/.."
cairn=build/release/cairn
diff -u docs/errors.md <("$cairn" docs errors)
diff -u docs/reference/cli.md <("$cairn" docs reference)
for name in $(grep -oE '`[A-Za-z]+\.[a-z_0-9]+`' docs/reference/bad-input.md | tr -d '`'); do
    grep -rqE "^TEST(_F|_P)?\\(${name%%.*}, ${name#*.}\\)" src --include='*_test.cpp' ||
        { echo "docs/reference/bad-input.md names a test that does not exist: $name"; exit 1; }
done
count=0
for document in README.md docs/tutorials/*.md docs/how-to/*.md; do
    grep -q '^```sh' "$document" || continue
    python3 tests/run_doc.py "$document"
    count=$((count + 1))
done
echo "$count documents passed"
