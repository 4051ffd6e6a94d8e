"""The same operations on the tensors of every library: `backend_of(tensor).stack([tensor, tensor])`."""

from thalweg.docs.computation.backend import Backend, Metrics, Retrieval
from thalweg.docs.computation.libraries import backend_of, backend_of_library

__all__ = ["Backend", "Metrics", "Retrieval", "backend_of", "backend_of_library"]
