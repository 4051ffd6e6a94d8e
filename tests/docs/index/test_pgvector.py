import pytest

from thalweg.docs.index.collection import Layout
from thalweg.docs.index.pgvector import PgVectorCollection
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject

CHECKS = [pytest.param(check, id=check.name) for check in COLLECTION_CHECKS]


@pytest.fixture(scope="module")
def subject(postgres_url: str) -> CollectionSubject:
    def opened(layout: Layout) -> PgVectorCollection:
        return PgVectorCollection(layout, postgres_url)

    return CollectionSubject("pgvector", opened, persistent=True)


@pytest.mark.parametrize("check", CHECKS)
def test_it_does_what_a_collection_must(subject: CollectionSubject, check: CollectionCheck) -> None:
    if check.applies(subject):
        check(subject)
