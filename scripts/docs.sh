#!/usr/bin/env bash
# Writes the generated pages anew: scripts/docs.sh [PRESET]
set -euo pipefail
cd "$(dirname "$0")/.."
cairn=build/${1:-release}/cairn
"$cairn" docs reference >docs/reference/cli.md
"$cairn" docs errors >docs/errors.md
