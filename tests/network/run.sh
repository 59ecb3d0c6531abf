#!/usr/bin/env bash
# Real processes, killed without warning: see kill_test.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 tests/network/kill_test.py
