"""Ports for programs that have to know their port before they start."""

import random
import socket

QUIET = range(15_000, 32_000)
"""Below those from which systems choose for whoever asks for any port: a port of these is not taken by chance meanwhile."""


def vacant_port() -> int:
    """A TCP port at which nobody listens. Raises `OSError` where none is to be had."""
    for port in random.SystemRandom().sample(QUIET, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
    raise OSError(f"None of a hundred ports between {QUIET.start} and {QUIET.stop} is free.")
