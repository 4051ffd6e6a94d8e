from pathlib import Path

import pytest

from thalweg.docs.index.chroma import ChromaCollection, ChromaDocumentIndex
from thalweg.testing.collections import COLLECTION_CHECKS, CollectionCheck, CollectionSubject
from thalweg.testing.indexes import INDEX_CHECKS, IndexCheck, IndexSubject


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chroma")


@pytest.fixture(scope="module")
def collections(folder: Path) -> CollectionSubject:
    return CollectionSubject("chroma", lambda layout: ChromaCollection(layout, str(folder)), persistent=True)


@pytest.mark.parametrize("check", COLLECTION_CHECKS, ids=lambda check: check.name)
def test_collection(check: CollectionCheck, collections: CollectionSubject) -> None:
    if check.applies(collections):
        check(collections)


@pytest.mark.parametrize("check", INDEX_CHECKS, ids=lambda check: check.name)
def test_index(check: IndexCheck, folder: Path) -> None:
    subject = IndexSubject("chroma", ChromaDocumentIndex, lambda: {"url": folder}, persistent=True)
    if check.applies(subject):
        check(subject)
