import asyncio
import gc
import os
import signal
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import ClassVar

import numpy as np
import pytest
from pydantic import Field

from thalweg import AsyncFlow, Client, Deployment, Executor, Flow, requests
from thalweg.client.portal import Portal
from thalweg.docs import BaseDoc, DocList
from thalweg.docs.codecs.content import OBJECTS
from thalweg.docs.typing import NdArray
from thalweg.errors import ConfigurationError, DeadlineExceeded, ExecutorFailed, StartupFailed, ThalwegError
from thalweg.message import Context, Request
from thalweg.orchestration import member
from thalweg.transport import registry


class Text(BaseDoc):
    text: str
    vector: NdArray[3] | None = None


class Handed:
    """What Executors were given, since they run here."""

    documents: ClassVar[list[BaseDoc]] = []
    threads: ClassVar[set[int]] = set()


@pytest.fixture(autouse=True)
def _nothing_handed_yet() -> None:
    Handed.documents = []
    Handed.threads = set()


class Appending(Executor):
    def __init__(self, word: str = "", **kwargs) -> None:
        super().__init__(**kwargs)
        self.word = word

    @requests(on="/append")
    def append(self, docs: DocList[Text]) -> DocList[Text]:
        Handed.documents += docs
        Handed.threads.add(threading.get_ident())
        for doc in docs:
            doc.text += self.word
        return docs

    @requests(on="/fail")
    def fail(self, docs: DocList[Text]) -> DocList[Text]:
        raise ValueError(f"on purpose, by {self.word}")

    @requests(on="/count")
    def count(self, doc: Text) -> Iterator[Text]:
        for number in range(3):
            yield Text(text=f"{doc.text}{number}")

    @requests(on="/where")
    def where(self, docs: DocList[Text]) -> DocList[Text]:
        return DocList[Text]([Text(text=str(os.getpid()))])


class Holding(Executor):
    def __init__(self, weights=None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.weights = weights

    @requests(on="/append")
    def append(self, docs: DocList[Text]) -> DocList[Text]:
        return docs

    @requests(on="/wait")
    def wait(self, docs: DocList[Text]) -> DocList[Text]:
        self.weights.wait()
        return docs


class Broken(Executor):
    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        raise RuntimeError("the weights are missing")

    @requests(on="/append")
    def append(self, docs: DocList[Text]) -> DocList[Text]: ...


def flow(*words: str, **options) -> Flow:
    made = Flow(protocol="grpc")
    for word in words:
        made.add(uses=Appending, uses_with={"word": word}, name=word, placement="inline", **options)
    return made


@pytest.fixture(scope="module")
def chain() -> Iterator[Flow]:
    with flow("a", "b") as running:
        yield running


def test_a_deployment_runs_in_the_process_that_starts_it():
    with Deployment(uses=Appending, placement="inline", protocol="grpc") as deployment:
        assert deployment.post("/where", Text(text=""))[0].text == str(os.getpid())
        assert set(deployment.pids.values()) == {os.getpid()}
    assert not deployment.running


def test_neighbours_hand_documents_over_as_they_are(chain):
    given = Text(text="", vector=np.arange(3))
    answer = chain.post("/append", given, return_type=Text)
    assert answer.text == "ab"
    first, second = Handed.documents
    assert first is second is answer
    assert len(Handed.threads) == 2


def test_the_callers_documents_stay_his_own(chain):
    given = Text(text="mine", vector=np.arange(3))
    answer = chain.post("/append", given, return_type=Text)
    assert (given.text, answer.text) == ("mine", "mineab")
    assert answer.vector is given.vector


def test_documents_in_columns_are_not_written_to(chain):
    given = DocList[Text]([Text(text="x", vector=[1, 2, 3]), Text(text="y", vector=[4, 5, 6])]).to_doc_vec()
    assert [doc.text for doc in chain.post("/append", given, return_type=DocList[Text])] == ["xab", "yab"]
    assert [doc.text for doc in given] == ["x", "y"]


def test_who_does_not_say_what_he_wants_gets_what_he_would_from_a_process(chain):
    [document] = chain.post("/append", {"text": "", "vector": [1, 2, 3]})
    assert type(document).__name__ == "AnyDoc"
    assert document.text == "ab"


def test_everybody_else_reaches_it_too(chain):
    with Client(chain.addresses[0]) as client:
        assert client.post("/append", Text(text="out"), return_type=Text).text == "outab"
    other = Flow(protocol="http").add(uses=Appending, uses_with={"word": "h"}, placement="inline")
    with other as running, Client(running.addresses[0]) as client:
        assert client.post("/append", Text(text=""), return_type=Text).text == "h"


async def test_nobody_outside_gets_objects(chain):
    channel = registry.channel(chain.addresses[0])
    await channel.connect()
    try:
        from_outside = OBJECTS.encode().decode()
        for asked in (
            Request("/append", (b'{"data": {"text": "a"}}',), accept=from_outside),
            Request("/append", (b"",), from_outside),
        ):
            with pytest.raises(ThalwegError) as refusal:
                await anext(channel.handle(asked, Context()))
            assert refusal.value.code == "unsupported_content"
    finally:
        await channel.close()


def test_branches_do_not_see_what_the_other_does():
    running = Flow(protocol="grpc")
    running.add(uses=Appending, uses_with={"word": "1"}, name="root", placement="inline")
    for name in ("left", "right"):
        running.add(uses=Appending, uses_with={"word": name}, name=name, needs="root", placement="inline")
    running.needs_all(name="last", uses=Appending, uses_with={"word": "!"}, placement="inline")
    with running:
        answer = running.post("/append", Text(id="same", text=""), return_type=Text)
    assert answer.text == "1right!"
    assert sorted(doc.text for doc in Handed.documents[1:3]) == ["1left", "1right"]


def test_a_floating_one_does_not_see_what_comes_after():
    running = flow("a")
    running.add(uses=Appending, uses_with={"word": "z"}, name="aside", floating=True, placement="inline")
    running.add(uses=Appending, uses_with={"word": "b"}, name="b", needs="a", placement="inline")
    with running:
        assert running.post("/append", Text(text=""), return_type=Text).text == "ab"
    assert "az" in {doc.text for doc in Handed.documents}  # it has ended with the Flow


def test_conditions_choose_among_what_is_handed_over():
    running = flow("a").add(
        uses=Appending,
        uses_with={"word": "b"},
        name="b",
        when={"text": {"$eq": "xa"}},
        otherwise="skip",
        placement="inline",
    )
    with running:
        answer = running.post("/append", [Text(text="x"), Text(text="y")], return_type=DocList[Text])
    assert [doc.text for doc in answer] == ["xab", "ya"]


def test_processes_stand_beside_it():
    running = flow("a").add(uses=Appending, uses_with={"word": "b"}, name="b")
    running.add(uses=Appending, uses_with={"word": "c"}, name="c", placement="inline")
    with running:
        given = Text(text="", vector=np.arange(3))
        answer = running.post("/append", given, return_type=Text)
        assert answer.text == "abc"
        assert np.array_equal(answer.vector, [0, 1, 2])
        assert running.pids["a/0"] == running.pids["gateway"] == os.getpid() != running.pids["b/0"]


def test_streams_come_item_by_item(chain):
    assert [item.text for item in chain.stream_doc("/count", Text(text="n"), return_type=Text)] == [
        f"n{first}{second}" for first in range(3) for second in range(3)
    ]


def test_a_stream_is_gathered_by_who_waits_for_all_of_it(chain):
    assert [doc.text for doc in chain.post("/count", Text(text="n"), return_type=Text)] == [
        f"n{first}{second}" for first in range(3) for second in range(3)
    ]
    several = chain.post("/count", [Text(text="n"), Text(text="m")], request_size=1, return_type=Text)
    assert [doc.text[0] for doc in several] == ["n"] * 9 + ["m"] * 9


def test_many_requests_keep_their_order(chain):
    texts = [Text(text=f"{number}.") for number in range(200)]
    for inputs in (texts, DocList[Text](texts), iter(texts)):
        answers = chain.post("/append", inputs, request_size=3, prefetch=5, return_type=Text)
        assert [doc.text for doc in answers] == [f"{number}.ab" for number in range(200)]


def test_the_first_of_many_that_fails_ends_the_call(chain):
    texts = [Text(text=f"{number}") for number in range(20)]
    with pytest.raises(ExecutorFailed, match="on purpose, by a"):
        chain.post("/fail", texts, request_size=1)
    assert chain.post("/append", Text(text=""), return_type=Text).text == "ab"


class Interrupting(Executor):
    """Has the main thread interrupted while it waits for the answer, and answers when it has been."""

    done = threading.Event()

    @requests(on="/interrupt")
    def interrupt(self, docs: DocList[Text]) -> DocList[Text]:
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        assert self.done.wait(30)
        return docs

    @requests(on="/interrupt_stream")
    async def interrupt_stream(self, doc: Text) -> AsyncIterator[Text]:
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        await asyncio.Event().wait()
        yield doc

    @requests(on="/append")
    def append(self, docs: DocList[Text]) -> DocList[Text]:
        return docs


@pytest.mark.parametrize("endpoint", ["/interrupt", "/interrupt_stream"])
def test_an_interrupt_calls_the_request_off(endpoint):
    Interrupting.done.clear()
    with Deployment(uses=Interrupting, placement="inline", protocol="grpc") as deployment:
        with pytest.raises(KeyboardInterrupt):
            deployment.post(endpoint, Text(text=""))
        Interrupting.done.set()
        assert deployment.post("/append", Text(text="x"), return_type=Text).text == "x"


def test_what_waits_is_not_called_on_the_loop_that_it_waits_for(chain):
    async def blocking() -> None:
        chain.post("/append", Text(text=""))

    with pytest.raises(RuntimeError, match="use the asynchronous client"):
        Portal.shared().run(blocking())


def test_replicas_are_threads():
    with flow("a", replicas=2) as running:
        for _ in range(20):
            running.post("/append", Text(text=""))
    assert len(Handed.threads) == 2


def test_errors_are_those_of_any_executor(chain):
    with pytest.raises(ExecutorFailed, match="on purpose, by a") as failure:
        chain.post("/fail", Text(text=""))
    assert failure.value.executor == "a"


def test_an_executor_that_cannot_be_made_ends_the_start():
    with pytest.raises(StartupFailed, match="the weights are missing"):
        flow("a").add(uses=Broken, name="broken", placement="inline").start()
    with pytest.raises(StartupFailed, match="the weights are missing"):
        Deployment(uses=Broken, placement="inline", protocol="grpc").start()


def test_nothing_of_it_stays():
    before = {thread.name for thread in threading.enumerate()}
    with flow("first-to-go", "last-to-go") as running:
        running.post("/append", Text(text=""))
    assert {thread.name for thread in threading.enumerate()} <= before | {
        "uvloop_0",
        "uvloop_1",
        "uvloop_2",
        "uvloop_3",
    }


def test_it_changes_while_it_runs():
    with flow("a", "b") as running:
        running.update(executor="b", uses_with={"word": "B"})
        assert running.post("/append", Text(text=""), return_type=Text).text == "aB"


class Weights:
    """Something large."""


def test_what_was_replaced_is_held_no_longer():
    weights = Weights()
    old = weakref.ref(weights)
    with Flow(protocol="grpc").add(
        uses=Holding, uses_with={"weights": weights}, name="a", placement="inline"
    ) as running:
        del weights
        for _ in range(2):
            running.update(executor="a", uses_with={"weights": None})
            assert running.post("/append", Text(text="x"), return_type=Text).text == "x"
        gc.collect()
        assert old() is None


def test_user_code_that_never_ends_does_not_keep_its_flow(monkeypatch):
    monkeypatch.setattr(member, "CLOSE_SECONDS", 0.1)
    release = threading.Event()
    running = Deployment(uses=Holding, uses_with={"weights": release}, placement="inline", drain_seconds=0.1).start()
    try:
        with pytest.raises(DeadlineExceeded):
            running.post("/wait", Text(text=""), timeout=0.3)
        running.close()
        assert not running.running
    finally:
        release.set()


async def test_an_asynchronous_flow_may_be_inline():
    running = AsyncFlow(protocol="grpc").add(uses=Appending, uses_with={"word": "a"}, placement="inline")
    async with running:
        answers = await asyncio.gather(
            *(running.post("/append", Text(text=str(n)), return_type=Text) for n in range(10))
        )
    assert [answer.text for answer in answers] == [f"{n}a" for n in range(10)]


@pytest.mark.parametrize(
    "options, said",
    [
        ({"env": {"A": "b"}}, "env"),
        ({"devices": "cpu:0"}, "devices"),
        ({"memory_limit": 1 << 30}, "memory_limit"),
        ({"max_requests": 5}, "max_requests"),
        ({"requirements": ["requests"]}, "requirements"),
        ({"reload": True}, "reload"),
    ],
)
def test_what_only_a_process_can_have_is_refused(options, said):
    with pytest.raises(ConfigurationError, match=f"{said}: of use for processes"):
        flow("a", **options).start()


def test_a_container_is_not_in_this_process():
    with pytest.raises(ConfigurationError, match="runs in a container"):
        Flow().add(uses="docker://image", placement="inline").start()


class Piece(BaseDoc):
    word: str = ""


class Nested(BaseDoc):
    labels: dict[str, list[str]] = Field(default_factory=dict)
    piece: Piece = Piece()
    pieces: DocList[Piece] = DocList[Piece]()


class Labelling(Executor):
    @requests(on="/label")
    def label(self, docs: DocList[Nested]) -> DocList[Nested]:
        for doc in docs:
            doc.labels.setdefault("of", []).append(self.runtime_args.name)
            for piece in (doc.piece, *doc.pieces):
                piece.word += "changed"
            doc.pieces.append(Piece(word="new"))
        return docs


def nested() -> Nested:
    return Nested(labels={"of": []}, pieces=DocList[Piece]([Piece(word="old")]))


def test_what_is_inside_of_the_callers_documents_stays_his_own_too():
    given = nested()
    with Deployment(uses=Labelling, placement="inline", protocol="grpc") as deployment:
        answer = deployment.post("/label", given, return_type=Nested)
        assert [piece.word for piece in answer.pieces] == ["oldchanged", "new"]
        assert (given.labels, given.piece.word) == ({"of": []}, "")
        assert [piece.word for piece in given.pieces] == ["old"]
        loose = {"labels": {"of": []}, "piece": {"word": ""}, "pieces": [{"word": "old"}]}
        deployment.post("/label", loose)
        assert loose == {"labels": {"of": []}, "piece": {"word": ""}, "pieces": [{"word": "old"}]}


def test_shards_that_are_all_asked_do_not_share_documents():
    running = Flow(protocol="grpc")
    running.add(uses=Labelling, placement="inline", shards=3, polling="ALL", reduce=False)
    with running:
        answers = running.post("/label", nested(), return_type=DocList[Nested])
    assert answers
    assert all(len(answer.labels["of"]) == 1 for answer in answers)
