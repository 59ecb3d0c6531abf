#!/usr/bin/env bash
# Real processes, killed without warning (kill_test.py) and with a leaked key (leaked_key_test.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
python3 tests/network/leaked_key_test.py
exec python3 tests/network/kill_test.py
