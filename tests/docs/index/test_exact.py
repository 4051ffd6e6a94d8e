"""The exact index does all that an index must."""

import pytest

from thalweg.docs.index import InMemoryExactNNIndex
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject

SUBJECT = IndexSubject("exact", InMemoryExactNNIndex)


@pytest.mark.parametrize("check", [c for c in INDEX_CHECKS if c.applies(SUBJECT)], ids=lambda check: check.name)
def test_index(check: IndexCheck) -> None:
    check(SUBJECT)
