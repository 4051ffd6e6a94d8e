"""Who gets requests, from what is known of each replica."""

from __future__ import annotations

from itertools import product

from thalweg.routing.presence import Presence, eligible


def test_all_that_can_be() -> None:
    for replicas in product(Presence, repeat=4):
        found = eligible(list(replicas))
        if Presence.READY in replicas:
            assert found == [presence is Presence.READY for presence in replicas]
        else:
            assert found == [presence is Presence.CONNECTED for presence in replicas]
