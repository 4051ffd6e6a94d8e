"""The collection in main memory does all that a collection must."""

import pytest

from thalweg.docs.index.memory import MemoryCollection
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject

SUBJECT = CollectionSubject("memory", MemoryCollection)


@pytest.mark.parametrize("check", [c for c in COLLECTION_CHECKS if c.applies(SUBJECT)], ids=lambda check: check.name)
def test_collection(check: CollectionCheck) -> None:
    check(SUBJECT)
