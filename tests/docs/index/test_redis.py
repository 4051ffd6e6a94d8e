import pytest

from thalweg.docs.index.collection import Layout
from thalweg.docs.index.redis import RedisCollection
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject

CHECKS = [pytest.param(check, id=check.name) for check in COLLECTION_CHECKS]


@pytest.fixture(scope="module")
def subject(redis_socket: str) -> CollectionSubject:
    def opened(layout: Layout) -> RedisCollection:
        return RedisCollection(layout, f"unix://{redis_socket}")

    return CollectionSubject("redis", opened, persistent=True)


@pytest.mark.parametrize("check", CHECKS)
def test_it_does_what_a_collection_must(subject: CollectionSubject, check: CollectionCheck) -> None:
    if check.applies(subject):
        check(subject)
