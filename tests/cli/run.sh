#!/usr/bin/env bash
# The command line as its users see it: the real binary, files, exit codes, a development network.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 tests/cli/cli_test.py
