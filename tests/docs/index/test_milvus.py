from pathlib import Path

import pytest

from thalweg.docs.index.collection import Layout
from thalweg.docs.index.milvus import MilvusCollection
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject

CHECKS = [pytest.param(check, id=check.name) for check in COLLECTION_CHECKS]


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> CollectionSubject:
    folder = tmp_path_factory.mktemp("milvus")

    def opened(layout: Layout) -> MilvusCollection:
        return MilvusCollection(layout, str(folder / "documents.db"))

    return CollectionSubject("milvus", opened, persistent=True)


@pytest.mark.parametrize("check", CHECKS)
def test_it_does_what_a_collection_must(subject: CollectionSubject, check: CollectionCheck) -> None:
    if check.applies(subject):
        check(subject)
