#!/usr/bin/env bash
# Documents tell the truth: generated pages are current, and every command block runs.
set -euo pipefail
cd "$(dirname "$0")/.."
cairn=build/release/cairn
diff -u docs/errors.md <("$cairn" docs errors)
diff -u docs/reference/cli.md <("$cairn" docs reference)
count=0
for document in README.md docs/tutorials/*.md docs/how-to/*.md; do
    grep -q '^```sh' "$document" || continue
    python3 tests/run_doc.py "$document"
    count=$((count + 1))
done
echo "$count documents passed"
