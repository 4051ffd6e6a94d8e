"""Any graph, conditions, streams and floating nodes: against a model of what a Flow answers that knows nothing of plans."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.config import Limits, NodeOptions
from thalweg.docs import AnyDoc, DocList
from thalweg.docs.codecs.content import encode_content
from thalweg.graph import Topology
from thalweg.graph.plan import plan
from thalweg.message import (
    COLUMNS,
    JSON,
    Context,
    EndpointDescription,
    Pending,
    Reply,
    Request,
    Response,
    ServiceDescription,
)
from thalweg.service.flow.asides import Asides
from thalweg.service.flow.course import Course
from thalweg.service.flow.route import route
from thalweg.service.steps.joining import opened_documents

Doc = dict[str, Any]
ENTRY = "gateway"
CONDITIONS: dict[str, Callable[[Doc], bool]] = {
    "": lambda doc: True,
    "low": lambda doc: bool(doc["n"] < 2),
    "high": lambda doc: bool(doc["n"] >= 2),
    "none": lambda doc: False,
}
QUERIES: dict[str, dict[str, Any]] = {
    "": {},
    "low": {"n": {"$lt": 2}},
    "high": {"n": {"$gte": 2}},
    "none": {"n": {"$gt": 99}},
}


@dataclass
class Member:
    """A node as the model knows it, which is also what stands behind it: marks each document."""

    name: str
    needs: tuple[str, ...]
    when: str
    skips: bool
    floating: bool
    process: bool
    items: int
    seen: list[list[str]] = field(default_factory=list)

    @property
    def options(self) -> NodeOptions:
        return NodeOptions(
            name=self.name,
            needs=self.needs,
            uses="m:E" if self.process else None,
            when=QUERIES[self.when],
            otherwise="skip" if self.skips else "drop",
            floating=self.floating,
        )

    def marked(self, doc: Doc) -> Doc:
        if not self.process:
            return doc
        return {**doc, "marks": [*doc["marks"], self.name], "last": self.name, f"by_{self.name}": True}

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        documents, parameters = opened_documents(request)
        self.seen.append([document.id for document in documents])
        for item in range(self.items):
            made = [self.marked(document.model_dump()) for document in documents]
            for doc in made if self.items > 1 else []:
                doc["marks"] = [*doc["marks"], str(item)]
            body, beside = encode_content(
                request.accept or request.content_type, DocList[AnyDoc]([AnyDoc(**doc) for doc in made]), parameters
            )
            await asyncio.sleep(0)
            yield Response(body, request.accept or request.content_type, beside)

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        return None


class Model:
    """What each node gives, from what it needs."""

    def __init__(self, members: list[Member], entry: list[Doc]) -> None:
        self.members = {member.name: member for member in members}
        self.order = [doc["id"] for doc in entry]
        self.given: dict[str, list[Doc]] = {ENTRY: entry}

    def read(self, needs: tuple[str, ...]) -> list[Doc]:
        found: dict[str, Doc] = {}
        for need in needs:
            for doc in self.of(need):
                found[doc["id"]] = self._joined(found[doc["id"]], doc) if doc["id"] in found else doc
        return [found[one] for one in self.order if one in found]

    def of(self, name: str) -> list[Doc]:
        if name not in self.given:
            member = self.members[name]
            fulfils = CONDITIONS[member.when]
            self.given[name] = [
                member.marked(doc) if fulfils(doc) else doc
                for doc in self.read(member.needs)
                if fulfils(doc) or member.skips
            ]
        return self.given[name]

    def taken(self, name: str) -> list[str]:
        member = self.members[name]
        return [doc["id"] for doc in self.read(member.needs) if CONDITIONS[member.when](doc)]

    @staticmethod
    def _joined(earlier: Doc, later: Doc) -> Doc:
        left, right = earlier["marks"], later["marks"]
        shared = 0
        while shared < min(len(left), len(right)) and left[shared] == right[shared]:
            shared += 1
        return {**earlier, **later, "marks": [*left, *right[shared:]]}


@st.composite
def graphs(draw: st.DrawFn) -> list[Member]:
    members: list[Member] = []
    for number in range(draw(st.integers(0, 6))):
        names = [ENTRY, *(member.name for member in members)]
        members.append(
            Member(
                f"e{number}",
                tuple(draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))),
                draw(st.sampled_from(list(CONDITIONS))),
                draw(st.booleans()),
                draw(st.integers(0, 3)) == 0,
                draw(st.integers(0, 3)) > 0,
                1,
            )
        )
    return members


@st.composite
def chains(draw: st.DrawFn) -> list[Member]:
    members: list[Member] = []
    previous = ENTRY
    for number in range(draw(st.integers(1, 4))):
        name = f"e{number}"
        members.append(
            Member(
                name,
                (previous,),
                draw(st.sampled_from(list(CONDITIONS))),
                draw(st.booleans()),
                False,
                True,
                draw(st.sampled_from([1, 1, 2])),
            )
        )
        previous = name
    if draw(st.booleans()):
        source = draw(st.sampled_from([ENTRY, *(member.name for member in members)]))
        members.append(Member("aside", (source,), draw(st.sampled_from(list(CONDITIONS))), False, True, True, 1))
    return members


def floats(members: list[Member]) -> set[str]:
    needed = {need for member in members for need in member.needs}
    return {member.name for member in members if member.floating and member.name not in needed}


async def answered(members: list[Member], entry: list[Doc], content_type: str) -> list[list[Doc]]:
    descriptions = {
        member.name: ServiceDescription(member.name, (EndpointDescription("/e", streaming=member.items > 1),))
        for member in members
        if member.process
    }
    drawn = plan(Topology.of([member.options for member in members]), descriptions, "/e")
    asides = Asides(Limits())
    found = route(drawn, {member.name: member for member in members if member.process}, asides)
    body, _ = encode_content(content_type, DocList[AnyDoc]([AnyDoc(**doc) for doc in entry]), {})
    request, context = Request("/e", body, content_type), Context()
    if found.entrance is not None:
        request = await found.entrance.entering(request, context)
    course = Course(found.handlers, found.plan, request, context, 4)
    answers = [
        [document.model_dump() for document in opened_documents(answer)[0]]
        async for answer in (course.chain() if found.chain else course.graph())
    ]
    await asides.drain(10.0)
    return answers


ENTRIES = st.lists(st.integers(0, 3), max_size=4).map(
    lambda numbers: [{"id": f"d{place}", "n": number, "marks": []} for place, number in enumerate(numbers)]
)


@settings(max_examples=100, deadline=None)
@given(graphs(), ENTRIES, st.sampled_from([JSON, COLUMNS]))
def test_a_flow_answers_what_its_graph_says(members: list[Member], entry: list[Doc], content_type: str) -> None:
    model, aside = Model(members, entry), floats(members)
    staying = [member for member in members if member.name not in aside]
    needed = {need for member in staying for need in member.needs}
    ends = tuple(member.name for member in staying if member.name not in needed) or (ENTRY,)
    assert asyncio.run(answered(members, entry, content_type)) == [model.read(ends)]
    for member in members:
        if member.process:
            taken = model.taken(member.name)
            # who is left with nothing of a request that had documents is not asked
            wanted = [] if not taken and model.read(member.needs) else [taken]
            assert member.seen == wanted


def through(members: list[Member], name: str, items: list[list[Doc]]) -> list[list[Doc]]:
    """What the chain up to `name` makes of a request, item by item."""
    for member in members:
        if name == ENTRY or member.floating:
            break
        made: list[list[Doc]] = []
        for item in items:
            fulfils = CONDITIONS[member.when]
            taken = [doc for doc in item if fulfils(doc)]
            if member.items == 1:
                made.append(
                    [member.marked(doc) if fulfils(doc) else doc for doc in item if fulfils(doc) or member.skips]
                )
                continue
            if member.skips and len(taken) < len(item):
                made.append([doc for doc in item if not fulfils(doc)])
            if taken or not item:
                for number in range(member.items):
                    made.append(
                        [{**(new := member.marked(doc)), "marks": [*new["marks"], str(number)]} for doc in taken]
                    )
        items = made
        if member.name == name:
            break
    return items


@settings(max_examples=100, deadline=None)
@given(chains(), ENTRIES)
def test_streams_pass_conditions_and_floating_executors_item_by_item(members: list[Member], entry: list[Doc]) -> None:
    staying = [member for member in members if not member.floating]
    assert asyncio.run(answered(members, entry, JSON)) == through(staying, staying[-1].name, [entry])
    for member in members:
        if member.floating:
            heard = through(staying, member.needs[0], [entry])
            fulfils = CONDITIONS[member.when]
            wanted = [[doc["id"] for doc in item if fulfils(doc)] for item in heard]
            assert sorted(member.seen) == sorted(
                ids for ids, item in zip(wanted, heard, strict=True) if ids or not item
            )
