from pathlib import Path

import pytest

from thalweg.docs.index.lancedb import LanceDBCollection, LanceDBDocumentIndex
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lancedb")


@pytest.fixture(scope="module")
def collections(folder: Path) -> CollectionSubject:
    return CollectionSubject("lancedb", lambda layout: LanceDBCollection(layout, str(folder)), persistent=True)


@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection(check: CollectionCheck, collections: CollectionSubject) -> None:
    if check.applies(collections):
        check(collections)


@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index(check: IndexCheck, folder: Path) -> None:
    subject = IndexSubject("lancedb", LanceDBDocumentIndex, lambda: {"url": folder}, persistent=True)
    if check.applies(subject):
        check(subject)
