"""DocArray's names of the operations on tensors of each library."""

from __future__ import annotations

from thalweg.docs.computation import backend_of_library

JaxCompBackend = backend_of_library("jax")
NumpyCompBackend = backend_of_library("numpy")
TensorFlowCompBackend = backend_of_library("tensorflow")
TorchCompBackend = backend_of_library("torch")
