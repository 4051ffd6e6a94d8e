"""How much a query may ask for; pure. Checked before anything else looks at the query, as that may take long."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from thalweg.config import GraphqlOptions
from thalweg.errors import InvalidDocument, MalformedRequest


class Extent(NamedTuple):
    """How large a selection is, all fragments that it uses put in."""

    depth: int
    fields: int
    roots: int


@dataclass
class _Survey:
    """Fragments are measured once, however often they are used, so that a few lines cannot mean billions of fields."""

    fragments: dict[str, FragmentDefinitionNode]
    known: dict[str, Extent] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)

    def extent(self, selection: SelectionSetNode | None) -> Extent:
        depth = fields = roots = 0
        for node in selection.selections if selection is not None else ():
            if isinstance(node, FieldNode):
                within = self.extent(node.selection_set)
                found = Extent(within.depth + 1, within.fields + 1, 1)
            elif isinstance(node, FragmentSpreadNode):
                found = self._fragment(node.name.value)
            else:
                found = self.extent(node.selection_set)  # type: ignore[attr-defined]
            depth, fields, roots = max(depth, found.depth), fields + found.fields, roots + found.roots
        return Extent(depth, fields, roots)

    def _fragment(self, name: str) -> Extent:
        if name in self.open:
            raise MalformedRequest(f"The fragment {name} uses itself.")
        if name not in self.known:
            fragment = self.fragments.get(name)
            self.open.add(name)
            self.known[name] = self.extent(fragment.selection_set) if fragment is not None else Extent(0, 0, 0)
            self.open.discard(name)
        return self.known[name]


def check_extent(document: DocumentNode, options: GraphqlOptions) -> None:
    """Raises `InvalidDocument` for a query that asks for more than it may, `MalformedRequest` for one without end."""
    definitions = document.definitions
    fragments = {one.name.value: one for one in definitions if isinstance(one, FragmentDefinitionNode)}
    survey = _Survey(fragments)
    operations = [one for one in definitions if isinstance(one, OperationDefinitionNode)]
    extents = [survey.extent(one.selection_set) for one in (*operations, *fragments.values())]
    deepest = max((extent.depth for extent in extents), default=0)
    fields = sum(extent.fields for extent in extents)
    roots = max((survey.extent(one.selection_set).roots for one in operations), default=0)
    for found, most, what in (
        (deepest, options.max_depth, "levels of selections"),
        (fields, options.max_fields, "fields"),
        (roots, options.max_calls, "calls of endpoints"),
    ):
        if found > most:
            raise InvalidDocument(f"The query has {found} {what}; at most {most} are taken.")
