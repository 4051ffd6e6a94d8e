"""Which shard a key belongs to."""

import json
import subprocess
import sys
from collections import Counter

import pytest

from thalweg.routing.partition import shard_of

KEYS = [f"document {number}" for number in range(20_000)]


def test_one_shard_has_every_key() -> None:
    assert {shard_of(key, 1) for key in KEYS} == {0}


@pytest.mark.parametrize("shards", [2, 3, 7, 16])
def test_shards_get_as_many_keys_each(shards: int) -> None:
    counts = Counter(shard_of(key, shards) for key in KEYS)
    assert set(counts) == set(range(shards))
    assert max(counts.values()) < 1.15 * len(KEYS) / shards


@pytest.mark.parametrize("shards", [1, 2, 3, 4, 8, 15])
def test_one_more_shard_takes_its_share_and_nothing_else_moves(shards: int) -> None:
    moved = [(shard_of(key, shards), shard_of(key, shards + 1)) for key in KEYS]
    to_the_new_one = [before for before, after in moved if after == shards]
    assert all(before == after for before, after in moved if after != shards)
    assert abs(len(to_the_new_one) / len(KEYS) - 1 / (shards + 1)) < 0.02
    assert max(Counter(to_the_new_one).values()) < 1.35 * len(to_the_new_one) / shards


def test_a_key_belongs_to_the_same_shard_in_every_process_and_release() -> None:
    program = (
        "import json; from thalweg.routing.partition import shard_of; "
        f"print(json.dumps([shard_of(k, 5) for k in {KEYS[:50]}]))"
    )
    elsewhere = json.loads(
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    )
    assert elsewhere == [shard_of(key, 5) for key in KEYS[:50]]
    assert [shard_of(key, 8) for key in ("", "a", "café", "\ud800", "0" * 1000)] == [6, 3, 0, 2, 6]
