import pytest

from thalweg.docs.index.redis import RedisCollection, RedisDocumentIndex
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject


@pytest.fixture(scope="module")
def collections(redis_socket: str) -> CollectionSubject:
    return CollectionSubject("redis", lambda layout: RedisCollection(layout, f"unix://{redis_socket}"), persistent=True)


@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection(check: CollectionCheck, collections: CollectionSubject) -> None:
    if check.applies(collections):
        check(collections)


@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index(check: IndexCheck, redis_socket: str) -> None:
    subject = IndexSubject("redis", RedisDocumentIndex, lambda: {"url": f"unix://{redis_socket}"}, persistent=True)
    if check.applies(subject):
        check(subject)
