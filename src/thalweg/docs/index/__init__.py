"""Documents that are kept and found again, in memory or in a vector database."""

from thalweg.docs.index.collection import LayoutMismatch, Unsupported
from thalweg.docs.index.doc_index import DocIndex
from thalweg.docs.index.exact import InMemoryExactNNIndex
from thalweg.docs.index.hnsw import HnswDocumentIndex
from thalweg.docs.index.qdrant import QdrantDocumentIndex

__all__ = [
    "DocIndex",
    "HnswDocumentIndex",
    "InMemoryExactNNIndex",
    "LayoutMismatch",
    "QdrantDocumentIndex",
    "Unsupported",
]
