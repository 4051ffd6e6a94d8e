"""What is printed."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from thalweg.docs.column_store import Columns
from thalweg.docs.display.tree import FIELDS, LONGEST_NAME, document_tree, schema_tree
from thalweg.docs.display.values import described_tensor, line, printable
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import AnyDoc, BaseDocWithoutId
from thalweg.docs.typing.array import is_tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, RenderableType

WIDTH = 120
"""Columns of a terminal that are used, however wide it is."""


def print_document(doc: BaseDocWithoutId) -> None:
    """Print a document as a tree."""
    _console().print(document_tree(doc))


def print_schema(doc_type: type[BaseDocWithoutId]) -> None:
    """Print the fields of a class of document and their types."""
    _console().print(_panel("Document Schema", schema_tree(doc_type)))


def print_array(docs: DocList[Any] | DocVec[Any]) -> None:
    """Print the class and the length of a list of documents and their fields; of a DocVec the stacked tensors too."""
    console = _console()
    console.print(array_panel(docs))
    if docs.doc_type is not AnyDoc:
        console.print(_panel("Document Schema", schema_tree(docs.doc_type)))


def array_panel(docs: DocList[Any] | DocVec[Any]) -> RenderableType:
    """The facts of a DocList or a DocVec."""
    from rich.table import Table
    from rich.text import Text

    facts = Table.grid(padding=(0, 3))
    facts.add_row("Type", Text(printable(type(docs).__name__)))
    facts.add_row("Length", str(len(docs)))
    title = "DocList Summary"
    if isinstance(docs, DocVec):
        title = "DocVec Summary"
        for name, tensor in islice(_stacked(docs, ""), FIELDS):
            facts.add_row(Text(line(name, 2 * LONGEST_NAME)), Text(described_tensor(tensor) + _device(tensor)))
    return _panel(title, facts)


def _stacked(docs: DocVec[Any], before: str) -> Iterator[tuple[str, Any]]:
    """The tensors of a DocVec and of the documents in it, each with its path."""
    for name in docs.doc_type.model_fields:
        column = docs._columns.data[name]
        if isinstance(column, Columns):
            yield from _stacked(DocVec[column.doc_type].over(column), f"{before}{name}.")  # type: ignore[name-defined]
        elif is_tensor(column):
            yield f"{before}{name}", column


def _device(tensor: Any) -> str:
    # NumPy's arrays have had one since version 2.
    return f", device: {tensor.device}" if hasattr(tensor, "device") else ""


def _panel(title: str, content: RenderableType) -> RenderableType:
    from rich.panel import Panel

    return Panel(content, title=title, expand=False, padding=(1, 3))


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False)
    console.width = min(console.width, WIDTH)
    return console
