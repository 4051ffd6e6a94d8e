"""Which shard a key belongs to; pure.

Jump consistent hashing (Lamping and Veach, https://arxiv.org/abs/1406.2294): every shard gets as many keys as any other,
nothing has to be kept, and of n + 1 shards the new one takes one key in n + 1, from all others alike; no other key moves.
"""

from __future__ import annotations

from hashlib import blake2b

_MULTIPLIER = 2862933555777941757
_SIXTY_FOUR_BITS = (1 << 64) - 1


def shard_of(key: str, shards: int) -> int:
    """The number of the shard to which `key` belongs, the same on every machine and in every release."""
    state = int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
    shard, following = 0, 0
    while following < shards:
        shard = following
        state = (state * _MULTIPLIER + 1) & _SIXTY_FOUR_BITS
        following = int((shard + 1) * ((1 << 31) / ((state >> 33) + 1)))
    return shard
