#!/usr/bin/env bash
# Builds the release binary twice, from two clones of HEAD in folders of different names and without the compiler cache, and compares them byte by byte.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/packages.sh
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for name in one another-folder; do
    git clone -q . "$dir/$name"
    echo "build in $name"
    (cd "$dir/$name" && CCACHE_DISABLE=1 scripts/build.sh release cairn >"$dir/$name.log" 2>&1) ||
        { tail -n 30 "$dir/$name.log" >&2; exit 1; }
done
sha256sum "$dir"/*/build/release/cairn | sed "s#$dir/##"
cmp "$dir/one/build/release/cairn" "$dir/another-folder/build/release/cairn"
echo "the two binaries are the same"
