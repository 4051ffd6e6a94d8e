"""For tests of services and of transports: virtual time, leak checks, conformance. Needs no test framework."""

from thalweg.testing.clock import VirtualClock, VirtualLoop, run
from thalweg.testing.leaks import Leak, descriptors, eventually, no_leaks

__all__ = ["Leak", "VirtualClock", "VirtualLoop", "descriptors", "eventually", "no_leaks", "run"]
