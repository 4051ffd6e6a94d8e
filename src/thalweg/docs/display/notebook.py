"""What a notebook shows of documents: text, HTML, pictures and sound, each of bounded size.

Nothing is fetched: of an address there is the text. Whatever documents hold is escaped.
"""

from __future__ import annotations

from base64 import b64encode
from itertools import islice
from typing import TYPE_CHECKING, Any

from thalweg.docs.display.console import array_panel
from thalweg.docs.display.media import Medium, media_of
from thalweg.docs.display.tree import FIELDS, LONGEST_NAME, document_tree
from thalweg.docs.display.values import line, short_id
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.document import AnyDoc, BaseDocWithoutId, contents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.table import Table

WIDTH = 100
ROWS = 5
"""Documents of a list that its table shows."""
COLUMNS = 8

_PRE = '<pre style="white-space:pre;overflow-x:auto;line-height:normal;font-family:monospace">{code}</pre>'


def document_bundle(doc: BaseDocWithoutId) -> dict[str, Any]:
    """Media type -> content of one document, as IPython asks for it; pictures and sound are base64."""
    media = media_of(doc)
    bundle = _bundle([document_tree(doc)], "".join(map(_element, media)))
    for medium in media:
        if medium.type.startswith("image/"):
            bundle.setdefault(medium.type, b64encode(medium.data).decode())
    return bundle


def array_bundle(docs: DocList[Any] | DocVec[Any]) -> dict[str, Any]:
    """Media type -> content of a list of documents: its facts, and a table of the first documents."""
    parts: list[RenderableType] = [array_panel(docs)]
    if len(docs):
        parts.append(_table(docs))
    return _bundle(parts, "")


def _bundle(parts: Sequence[RenderableType], media: str) -> dict[str, Any]:
    return {"text/plain": _text(parts), "text/html": _html(parts) + media}


def _text(parts: Sequence[RenderableType]) -> str:
    from io import StringIO

    from rich.console import Console

    console = Console(file=StringIO(), width=WIDTH, color_system=None, force_jupyter=False, highlight=False)
    with console.capture() as captured:
        console.print(*parts, sep="\n")
    return "\n".join(text.rstrip() for text in captured.get().splitlines())


def _html(parts: Sequence[RenderableType]) -> str:
    from io import StringIO

    from rich.console import Console

    console = Console(
        file=StringIO(),
        width=WIDTH,
        color_system="truecolor",
        force_terminal=True,
        force_jupyter=False,
        no_color=False,
        record=True,
        highlight=False,
    )
    console.print(*parts, sep="\n")
    return console.export_html(inline_styles=True, code_format=_PRE)


def _element(medium: Medium) -> str:
    address = f"data:{medium.type};base64,{b64encode(medium.data).decode()}"
    if medium.type.startswith("audio/"):
        return f'<audio controls src="{address}"></audio>'
    return f'<img src="{address}" style="max-width:100%;max-height:20em">'


def _table(docs: DocList[Any] | DocVec[Any]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    first = [contents(doc) for doc in islice(docs, ROWS)]
    names = list(docs.doc_type.model_fields) if docs.doc_type is not AnyDoc else _names(first)
    table = Table(box=box.ROUNDED, highlight=False)
    for name in names[:COLUMNS]:
        table.add_column(Text(line(name, LONGEST_NAME)))
    for held in first:
        table.add_row(*(Text(_cell(name, held.get(name))) for name in names[:COLUMNS]))
    more = [f"{len(docs) - ROWS} more documents"] if len(docs) > ROWS else []
    more += [f"{len(names) - COLUMNS} more fields"] if len(names) > COLUMNS else []
    table.caption = f"... {', '.join(more)}" if more else None
    return table


def _names(rows: list[dict[str, Any]]) -> list[str]:
    """The fields of documents without a common schema."""
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(islice(row, FIELDS)))
    return list(names)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    return short_id(value) if name == "id" else line(value, LONGEST_NAME)
