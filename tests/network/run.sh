#!/usr/bin/env bash
# Real processes: their listeners (zones_test.py), what these speak (tls_test.py), a leaked key (leaked_key_test.py), the Chinese suite
# (national_test.py), backups (backup_test.py), new voting keys (epoch_test.py), and killed without warning (kill_test.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
python3 tests/network/zones_test.py
python3 tests/network/tls_test.py
python3 tests/network/leaked_key_test.py
python3 tests/network/national_test.py
python3 tests/network/backup_test.py
python3 tests/network/epoch_test.py
exec python3 tests/network/kill_test.py
