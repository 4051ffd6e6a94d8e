import pytest

from thalweg.docs.index.pgvector import PgVectorCollection, PgVectorDocumentIndex
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject


@pytest.fixture(scope="module")
def collections(postgres_url: str) -> CollectionSubject:
    return CollectionSubject("pgvector", lambda layout: PgVectorCollection(layout, postgres_url), persistent=True)


@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection(check: CollectionCheck, collections: CollectionSubject) -> None:
    if check.applies(collections):
        check(collections)


@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index(check: IndexCheck, postgres_url: str) -> None:
    subject = IndexSubject("pgvector", PgVectorDocumentIndex, lambda: {"url": postgres_url}, persistent=True)
    if check.applies(subject):
        check(subject)
