"""Reads the documentation of the Python standard library, as it is installed on this machine."""

from __future__ import annotations

import re
from functools import cached_property

from catalog import Catalog, Entry
from documents import Module, StdlibObject
from thalweg import Executor, requests
from thalweg.docs import DocList
from thalweg.errors import InvalidDocument

SUMMARY_LIMIT = 300
TEXT_LIMIT = 200
"""Characters of the first paragraph that are encoded. More of it made the search slower and not better."""


class Extractor(Executor):
    """Module names in, their documented objects out. The library is read when it is first asked for."""

    @cached_property
    def entries(self) -> dict[str, list[Entry]]:
        return Catalog().entries()

    @requests(on="/modules")
    def modules(self) -> DocList[Module]:
        """The modules that can be indexed."""
        return DocList[Module](Module(id=name, name=name, objects=len(found)) for name, found in self.entries.items())

    @requests(on="/index")
    def extract(self, docs: DocList[Module]) -> DocList[StdlibObject]:
        """The objects of each module."""
        unknown = [doc.name for doc in docs if doc.name not in self.entries]
        if unknown:
            raise InvalidDocument(f"The standard library of this Python has no module {', '.join(unknown)}.")
        return DocList[StdlibObject](document for doc in docs for document in documents(self.entries[doc.name]))


def documents(entries: list[Entry]) -> list[StdlibObject]:
    """The objects of one module, with texts for the encoder."""
    about = next((first_paragraph(entry.docstring) for entry in entries if entry.kind == "module"), "")
    return [
        StdlibObject(
            id=entry.name,
            name=entry.name,
            kind=entry.kind,
            module=entry.module,
            signature=entry.signature,
            summary=first_paragraph(entry.docstring)[:SUMMARY_LIMIT],
            text=text_to_encode(entry, about),
        )
        for entry in entries
    ]


def text_to_encode(entry: Entry, about_module: str) -> str:
    """The name, the words in it, and the first paragraph of the documentation; where there is none, that of the module."""
    said = first_paragraph(entry.docstring) or about_module
    return f"{entry.name} ({words(entry.name)}): {said[:TEXT_LIMIT]}"


def first_paragraph(docstring: str) -> str:
    """The first paragraph in one line, without the marks of reStructuredText."""
    return re.sub(r"(?::\w+:)?(`{1,2})([^`]+)\1", r"\2", " ".join(docstring.partition("\n\n")[0].split()))


def words(name: str) -> str:
    """`gzip.GzipFile` -> `gzip gzip file`."""
    return " ".join(re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+", name)).lower()
