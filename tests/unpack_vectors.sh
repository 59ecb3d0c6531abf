#!/bin/sh
# Unpacks every test vector archive of $CAIRN_VECTORS (default: ../shared/vectors beside the repository) to
# build/vectors/NAME, or to $CAIRN_VECTORS_UNPACKED/NAME. An archive that is there already and has not changed is left alone.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
from=${CAIRN_VECTORS:-$root/../shared/vectors}
to=${CAIRN_VECTORS_UNPACKED:-$root/build/vectors}
if [ ! -d "$from" ]; then
    echo "unpack_vectors: no folder $from; set CAIRN_VECTORS to where the vectors are" >&2
    exit 1
fi
mkdir -p "$to"
found=0
for archive in "$from"/*.tar.zst; do
    [ -e "$archive" ] || continue
    found=$((found + 1))
    name=$(basename "$archive" .tar.zst)
    stamp=$to/.$name.sum
    sum=$(sha256sum <"$archive")
    if [ -d "$to/$name" ] && [ "$(cat "$stamp" 2>/dev/null || true)" = "$sum" ]; then
        continue
    fi
    # Unpacked beside its place and renamed, so that an interrupted run never leaves half a folder behind.
    work=$to/.unpacking.$name.$$
    mkdir "$work"
    zstd -dc "$archive" | tar x -C "$work"
    rm -rf "${to:?}/$name"
    mv "$work" "$to/$name"
    echo "$sum" >"$stamp"
    echo "unpacked $name"
done
if [ "$found" = 0 ]; then
    echo "unpack_vectors: no *.tar.zst in $from" >&2
    exit 1
fi
