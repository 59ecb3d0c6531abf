#!/usr/bin/env python3
"""Free ports for a network under test. `free_ports.py COUNT` prints the first of a run of COUNT ports on the loopback."""
import os
import socket
import sys


def free_base(count):
    """Below 32768, where Linux begins to give ports to outgoing connections: none of those can take one of the run later."""
    step = max(count, 50)
    bases = list(range(10_000, 32_000 - step, step))
    start = os.getpid() * 7 % len(bases)
    for base in bases[start:] + bases[:start]:
        probes = []
        try:
            for port in range(base, base + count):
                probe = socket.socket()
                probes.append(probe)
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the nodes do
                probe.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
    raise RuntimeError("no free ports")


if __name__ == "__main__":
    print(free_base(int(sys.argv[1])))
