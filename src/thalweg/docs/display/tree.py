"""A document and a class of document as trees."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import islice
from typing import TYPE_CHECKING, Any

from thalweg.docs.annotation import documents_in, written_field
from thalweg.docs.display.bar import Bar, has_bar
from thalweg.docs.display.values import described_tensor, heading, is_documents, line, printable
from thalweg.docs.document import BaseDocWithoutId, contents
from thalweg.docs.fields import ready
from thalweg.docs.row import place_of
from thalweg.docs.typing.array import is_tensor

if TYPE_CHECKING:
    from rich.table import Table
    from rich.tree import Tree

ITEMS = 2
"""Documents of a list that are shown."""
FIELDS = 50
"""Fields of a document, and of a class, that are shown."""
DEEPEST = 8
"""Documents in documents that are shown."""
MOST = 100
"""Documents, or classes, in one tree."""
LONGEST_NAME = 30


def document_tree(doc: BaseDocWithoutId) -> Tree:
    """A table of the fields that are not None, and below it the documents that the document holds."""
    return _Documents().tree(doc, 0)


class _Documents:
    """One tree. Documents that hold themselves, however far down, end it there."""

    def __init__(self) -> None:
        self._around: set[Hashable] = set()
        self._left = MOST

    def tree(self, doc: BaseDocWithoutId, depth: int) -> Tree:
        from rich.console import Group
        from rich.text import Text
        from rich.tree import Tree

        title = Text(f"📄 {heading(doc)}")
        tree = Tree(title, highlight=False)
        place = place_of(doc)
        self._left -= 1
        if depth >= DEEPEST or self._left < 0 or place in self._around:
            tree.add(Text("..."))
            return tree
        self._around.add(place)
        fields = {name: value for name, value in contents(doc).items() if name != "id" and value is not None}
        shown = dict(islice(fields.items(), FIELDS))
        values = {name: value for name, value in shown.items() if not _has_branch(value)}
        if values:
            tree.label = Group(title, _table(values))
        for name, value in shown.items():
            if _has_branch(value):
                self._branch(tree, name, value, depth)
        if len(fields) > FIELDS:
            tree.add(Text(f"... {len(fields) - FIELDS} more fields"))
        self._around.remove(place)
        return tree

    def _branch(self, tree: Tree, name: str, value: Any, depth: int) -> None:
        from rich.text import Text

        several = is_documents(value)
        branch = tree.add(Text(f"{'💠' if several else '🔶'} {_name(name)}: {printable(_class_name(value))}"))
        for doc in islice(value, ITEMS) if several else [value]:
            branch.add(self.tree(doc, depth + 1) if isinstance(doc, BaseDocWithoutId) else Text(line(doc)))
        if several and len(value) > ITEMS:
            branch.add(Text(f"... {len(value) - ITEMS} more"))


def _has_branch(value: Any) -> bool:
    return isinstance(value, BaseDocWithoutId) or (is_documents(value) and len(value) > 0)


def _class_name(value: Any) -> str:
    return type(value).__name__


def _name(name: str) -> str:
    return line(name, LONGEST_NAME)


def _table(values: dict[str, Any]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table("Attribute", "Value", box=box.ROUNDED, highlight=False)
    for name, value in values.items():
        label = Text(f"{_name(name)}: {printable(_class_name(value))}", "cyan")
        table.add_row(label, _cell(value))
    return table


def _cell(value: Any) -> Any:
    from rich.text import Text

    if is_tensor(value):
        return Bar(value) if has_bar(value) else Text(described_tensor(value))
    return Text(line(value))


def schema_tree(doc_type: type[BaseDocWithoutId]) -> Tree:
    """The fields of a class with their types, and below each field the classes of document in it.

    A class is taken apart where it comes first; later there is its name only.
    """
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(Text(printable(doc_type.__name__)), highlight=False)
    _add_fields(tree, doc_type, {doc_type}, 0)
    return tree


def _add_fields(tree: Tree, doc_type: type[BaseDocWithoutId], seen: set[type[BaseDocWithoutId]], depth: int) -> None:
    from rich.text import Text

    ready(doc_type)
    fields = doc_type.model_fields
    for name, field in islice(fields.items(), FIELDS):
        kind = f"{_name(name)}: {line(written_field(field), 2 * LONGEST_NAME)}"
        branch = tree.add(Text.assemble((kind, "cyan"), _default(field)))
        for nested in documents_in(field.annotation):
            below = branch.add(Text(printable(nested.__name__)))
            if nested not in seen and depth < DEEPEST and len(seen) < MOST:
                seen.add(nested)
                _add_fields(below, nested, seen, depth + 1)
    if len(fields) > FIELDS:
        tree.add(Text(f"... {len(fields) - FIELDS} more fields"))


def _default(field: Any) -> str:
    if field.is_required() or field.default_factory is not None:
        return ""
    return f" = {line(repr(field.default) if isinstance(field.default, str) else field.default, LONGEST_NAME)}"
