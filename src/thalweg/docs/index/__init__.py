"""Documents that are kept and found again, in memory or in a vector database."""

from thalweg.docs.index.chroma import ChromaDocumentIndex
from thalweg.docs.index.collection import LayoutMismatch, Unsupported
from thalweg.docs.index.couchbase import CouchbaseDocumentIndex
from thalweg.docs.index.doc_index import DocIndex
from thalweg.docs.index.elasticsearch import ElasticDocIndex
from thalweg.docs.index.exact import InMemoryExactNNIndex
from thalweg.docs.index.hnsw import HnswDocumentIndex
from thalweg.docs.index.lancedb import LanceDBDocumentIndex
from thalweg.docs.index.milvus import MilvusDocumentIndex
from thalweg.docs.index.mongodb import MongoDBAtlasDocumentIndex
from thalweg.docs.index.pgvector import PgVectorDocumentIndex
from thalweg.docs.index.pinecone import PineconeDocumentIndex
from thalweg.docs.index.qdrant import QdrantDocumentIndex
from thalweg.docs.index.redis import RedisDocumentIndex
from thalweg.docs.index.weaviate import WeaviateDocumentIndex

__all__ = [
    "ChromaDocumentIndex",
    "CouchbaseDocumentIndex",
    "DocIndex",
    "ElasticDocIndex",
    "HnswDocumentIndex",
    "InMemoryExactNNIndex",
    "LanceDBDocumentIndex",
    "LayoutMismatch",
    "MilvusDocumentIndex",
    "MongoDBAtlasDocumentIndex",
    "PgVectorDocumentIndex",
    "PineconeDocumentIndex",
    "QdrantDocumentIndex",
    "RedisDocumentIndex",
    "Unsupported",
    "WeaviateDocumentIndex",
]
