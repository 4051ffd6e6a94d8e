"""Collections in other orders, in parts, and on other devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

import numpy as np

from thalweg.docs.column_store import Columns
from thalweg.docs.fields import Holds, field_kinds
from thalweg.docs.typing.array import library_of, load_library


class Selectable(Protocol):
    """A DocList or a DocVec."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: Any) -> Any: ...


A = TypeVar("A", bound=Selectable)


def shuffled(length: int, seed: int | None) -> list[int]:
    """The numbers below `length` in random order, the same for the same `seed`."""
    order: list[int] = np.random.default_rng(seed).permutation(length).tolist()
    return order


def batched(docs: A, size: int, shuffle: bool = False) -> Iterator[A]:
    """Parts of `size` documents each; the last may be shorter.

    Raises:
        ValueError: `size` is less than one.
    """
    if size < 1:
        raise ValueError(f"a batch holds at least one document, but the size is {size}")
    if not shuffle:
        return (docs[start : start + size] for start in range(0, len(docs), size))
    order = shuffled(len(docs), None)
    return (docs[order[start : start + size]] for start in range(0, len(docs), size))


def move(columns: Columns, device: Any) -> None:
    """Put the tensors of `columns`, and of the documents in them, onto `device`.

    Raises:
        ValueError: NumPy arrays are to leave main memory. Nothing is moved then.
    """
    moved = [(store, name, _moved(store, name, device)) for store in _stores(columns) for name in _tensors(store)]
    for store, name, tensor in moved:
        store.data[name] = tensor


def convert(columns: Columns, wanted: Any) -> None:
    """Turn the tensors of fields that take those of any library into those of `wanted`, such as `TorchTensor`."""
    for store in _stores(columns):
        kinds = field_kinds(store.doc_type)
        for name in _tensors(store):
            if kinds[name].holds is Holds.TENSOR and kinds[name].type.library == "any":
                store.data[name] = wanted.library_tensor(store.data[name])


def _stores(columns: Columns) -> Iterator[Columns]:
    yield columns
    for held in columns.data.values():
        if isinstance(held, Columns):
            yield from _stores(held)
        elif isinstance(held, list):
            for item in held:
                if isinstance(nested := getattr(item, "_columns", None), Columns) and hasattr(item, "to_doc_list"):
                    yield from _stores(nested)


def _tensors(store: Columns) -> list[str]:
    return [name for name, held in store.data.items() if library_of(held) is not None]


def _moved(store: Columns, name: str, device: Any) -> Any:
    tensor = store.data[name]
    library = library_of(tensor)
    if library == "torch":
        return tensor.to(device)
    if library == "jax":
        jax = load_library("jax")
        return jax.device_put(tensor, jax.devices(device)[0] if isinstance(device, str) else device)
    if library == "tensorflow":
        tensorflow = load_library("tensorflow")
        with tensorflow.device(device):
            return tensorflow.identity(tensor)
    if device not in (None, "cpu"):
        raise ValueError(
            f"{name} holds NumPy arrays, which stay in main memory; {device!r} is for torch, TensorFlow and JAX"
        )
    return tensor
