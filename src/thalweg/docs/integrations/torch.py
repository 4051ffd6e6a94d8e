"""Documents as a dataset of torch, to be loaded by its DataLoader."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy, deepcopy
from typing import Any, TypeVar

from torch.utils.data import Dataset

from thalweg.docs.computation import backend_of
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import AnyDoc, BaseDocWithoutId
from thalweg.docs.query.condition import Path
from thalweg.docs.query.schema import check_path
from thalweg.docs.row import detach
from thalweg.docs.typing import TorchTensor
from thalweg.docs.typing.array import is_tensor

T_doc = TypeVar("T_doc", bound=BaseDocWithoutId)


class MultiModalDataset(Dataset[T_doc]):
    """Documents that are prepared as they are read: `MultiModalDataset[Pair](docs, {"image.tensor": scale})`.

    An item is a copy of a document whose fields have gone through their functions. What is not prepared is shared with the
    documents; neither they nor their tensors are changed.

        DataLoader(dataset, batch_size=32, collate_fn=dataset.collate_fn)

    Args:
        docs: a DocList or a DocVec.
        preprocessing: for each field, nested ones joined by a dot, a function of its value; "" is for the whole document.
            They are applied in this order. What a function returns is validated and becomes the value; where it returns
            None, the value, which it may have changed in place, stays. For a DataLoader that starts its workers by
            "spawn" they need names at the top of a module.

    Raises:
        ValueError: the documents have no such field.
    """

    def __init__(self, docs: DocList[T_doc] | DocVec[T_doc], preprocessing: Mapping[str, Callable[[Any], Any]]) -> None:
        if docs.doc_type is not AnyDoc:
            for field in filter(None, preprocessing):
                check_path(Path(tuple(field.split("."))), docs.doc_type)
        self.docs = docs
        self._steps = [(field.split(".") if field else [], prepare) for field, prepare in preprocessing.items()]

    def __len__(self) -> int:
        return len(self.docs)

    def __getitem__(self, index: int) -> T_doc:
        doc: T_doc = copy(detach(self.docs[index]))
        for path, prepare in self._steps:
            doc = _prepared(doc, path, prepare)
        return doc

    @staticmethod
    def collate_fn(batch: Sequence[T_doc]) -> DocVec[T_doc]:
        """The documents of a batch as columns. Where a field takes tensors of any library, NumPy's become torch's.

        Raises:
            ValueError: the tensors of a field differ in shape or dtype, or only some documents have one.
        """
        array: type[DocVec[T_doc]] = DocVec[type(batch[0])]  # type: ignore[misc,assignment]
        return array(batch, TorchTensor)


def _prepared(value: Any, path: Sequence[str], prepare: Callable[[Any], Any]) -> Any:
    """`value` with what is at `path` prepared; the documents on the way are copies."""
    if not path:
        given = (
            backend_of(value).copy(value) if is_tensor(value) else deepcopy(value)
        )  # torch's deepcopy takes its time
        result = prepare(given)
        return given if result is None else result
    name, *rest = path
    held = getattr(value, name)
    if held is None and rest:
        return value
    changed = copy(value)
    setattr(changed, name, _prepared(held, rest, prepare))
    return changed
