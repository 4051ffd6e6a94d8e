"""What runs is changed, while callers over every protocol never stop asking: nobody notices but by the answers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.endtoend.callers import Callers
from tests.endtoend.versions import Cold, Deadly, Marks, Note, Ranks, Scores, Talks, Unready
from thalweg import Client, Deployment, Flow
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ConfigurationError, EndpointNotFound, SchemaMismatch, StartupFailed, Unavailable
from thalweg.orchestration.running import services

EVERY = ["grpc", "http", "websocket"]


def until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def text(flow: Any, on: str = "/do", **options: Any) -> str:
    return flow.post(on, Note(text="-"), return_type=DocList[Note], **options)[0].text  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def flow() -> Iterator[Flow]:
    with (
        Flow(protocol=EVERY, replica_wait=60.0)
        .add(uses=Marks, name="first")
        .add(uses=Marks, name="second", replicas=2) as running
    ):
        yield running


@pytest.fixture(scope="module")
def callers(flow: Flow) -> Iterator[Callers]:
    with Callers(flow.addresses) as asking:
        yield asking
    assert asking.errors == []
    assert len(asking.answered) == 2 * len(EVERY)


@pytest.fixture(autouse=True)
def _every_request_is_answered(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "callers" in request.fixturenames:
        assert request.getfixturevalue("callers").errors == []


def fresh(callers: Callers, wanted: str) -> None:
    """Wait for an answer that is `wanted`, and for no other after it."""
    callers.seen.clear()
    until(lambda: callers.seen[wanted] > 5)


def pids_of(flow: Any, name: str) -> set[int]:
    return {pid for title, pid in flow.pids.items() if title.startswith(f"{name}/")}


def test_options_of_one_executor_change_and_all_others_stay(flow: Flow, callers: Callers):
    first, second = pids_of(flow, "first"), pids_of(flow, "second")
    for mark in "bc":
        done = flow.update(executor="first", uses_with={"mark": mark})
        assert (done.replaced, done.added, done.removed, done.scaled) == (("first",), (), (), ())
        assert text(flow) == f"-{mark}a"
        fresh(callers, f"-{mark}a")
        assert set(callers.seen) == {f"-{mark}a"}
    assert pids_of(flow, "second") == second
    assert not pids_of(flow, "first") & first
    assert flow.options.executors[0].uses_with == {"mark": "c"}
    assert all(not psutil.pid_exists(pid) for pid in first)


def test_with_a_surge_of_one_replicas_follow_one_after_the_other(flow: Flow, callers: Callers):
    most = 0
    going = True

    def count() -> None:
        nonlocal most
        while going:
            most = max(most, len([title for title in psutil_names(flow) if title.startswith("second")]))
            time.sleep(0.005)

    watching = threading.Thread(target=count)
    watching.start()
    flow.update(executor="second", uses_with={"mark": "d"}, surge=1)
    going = False
    watching.join()
    assert most <= 3
    until(lambda: text(flow).endswith("d"))


def test_where_there_is_no_room_the_old_ends_first_and_requests_wait():
    made = Flow(protocol=EVERY, replica_wait=0.01).add(uses=Marks, name="one").add(uses=Marks, name="two", replicas=2)
    most = {"one": 0, "two": 0}
    with made as flow, Callers(flow.addresses) as callers:
        going = threading.Event()

        def count() -> None:
            while not going.is_set():
                titles = psutil_names(flow)
                for name, before in most.items():
                    most[name] = max(before, len([title for title in titles if title.startswith(f"{name}/")]))
                time.sleep(0.05)

        watching = threading.Thread(target=count)
        watching.start()
        for name, answer in {"one": "-ba", "two": "-bb"}.items():
            assert flow.update(executor=name, uses_with={"mark": "b"}, surge=0).replaced == (name,)
            fresh(callers, answer)
        with pytest.raises(StartupFailed, match="there is no such model") as raised:
            flow.update(executor="one", uses=Unready, surge=0)
        assert "All is as it was" in "".join(raised.value.__notes__)
        fresh(callers, "-bb")
        going.set()
        watching.join()
    assert callers.errors == []
    assert most == {"one": 1, "two": 2}


def test_where_nothing_can_be_started_any_more_requests_are_told_so_until_something_can(tmp_path: Path):
    code = tmp_path / "marks.py"
    text_of = "from tests.endtoend.versions import Marks\n\n\nclass Mine(Marks):\n    pass\n"
    code.write_text(text_of)
    with Flow(replica_wait=0.01).add(uses=f"{code}:Mine", name="mine") as flow:
        code.write_text("raise RuntimeError('half written')")
        with pytest.raises(StartupFailed, match="half written"):
            flow.reload(surge=0)
        with pytest.raises(Unavailable, match="'mine'"):
            text(flow)
        code.write_text(text_of)
        flow.reload(surge=0)
        assert text(flow) == "-a"


def psutil_names(flow: Flow) -> list[str]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            found.append(process.name())
        except psutil.NoSuchProcess:
            continue
    return found


def test_replicas_come_and_go(flow: Flow, callers: Callers):
    before = pids_of(flow, "second")
    assert flow.scale("second", 4).scaled == ("second",)
    assert before < pids_of(flow, "second")
    assert len(pids_of(flow, "second")) == 4
    flow.scale("second", 1)
    assert len(pids_of(flow, "second")) == 1
    assert flow.options.executors[1].replicas == 1


def test_with_no_replica_a_request_waits_for_one(flow: Flow):
    before = text(flow)
    flow.scale("second", 0)
    assert not pids_of(flow, "second")
    found: list[str] = []
    asking = threading.Thread(target=lambda: found.append(text(flow)))
    asking.start()
    flow.scale("second", 2)
    asking.join()
    assert found == [before]


@pytest.mark.parametrize(
    "broken, options, why",
    [
        (Unready, {}, "there is no such model"),
        (Cold, {"warmup": {"/do": {"text": "x"}}}, "it stays cold"),
        ("xml.no.such:Executor", {}, "no module"),
    ],
)
def test_what_does_not_become_ready_never_gets_a_request(
    flow: Flow, callers: Callers, broken: Any, options: dict[str, Any], why: str
):
    before, pids = text(flow), flow.pids
    with pytest.raises(StartupFailed, match=why) as raised:
        flow.update(executor="first", uses=broken, **options)
    assert "All is as it was" in "".join(raised.value.__notes__)
    assert flow.pids == pids
    fresh(callers, before)
    assert set(callers.seen) == {before}
    assert flow.options.executors[0].uses is Marks


def test_what_does_not_fit_its_neighbours_never_gets_a_request(flow: Flow):
    before, pids = text(flow), flow.pids
    with pytest.raises(SchemaMismatch, match="score"):
        flow.update(executor="second", uses=Ranks)
    assert (text(flow), flow.pids) == (before, pids)


def test_one_that_dies_of_its_first_requests_is_taken_back_before_the_old_one_ends(flow: Flow):
    before = text(flow)
    going = True

    def ask() -> None:
        while going:
            text(flow)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        with pytest.raises(StartupFailed, match="taken back"):
            flow.update(executor="first", uses=Deadly, settle=60.0)
    finally:
        going = False
        asking.join()
    assert text(flow) == before


def test_a_canary_has_its_share_until_it_is_promoted(flow: Flow, callers: Callers):
    before, options = text(flow), flow.options
    canary = flow.update(executor="second", uses_with={"mark": "e"}, canary=0.25)
    after = before[:-1] + "e"
    answers = [text(flow) for _ in range(80)]
    assert 10 <= answers.count(after) <= 30
    with pytest.raises(ConfigurationError, match=r"promote\(\) or abort\(\)"):
        flow.scale("first", 2)
    assert flow.options == options
    canary.promote()
    assert flow.options.executors[1].uses_with == {"mark": "e"}
    fresh(callers, after)
    assert set(callers.seen) == {after}
    with pytest.raises(ConfigurationError, match="no canary"):
        canary.promote()


def test_an_aborted_canary_leaves_all_as_it_was(flow: Flow, callers: Callers):
    before, pids = text(flow), flow.pids
    canary = flow.update(executor="second", uses_with={"mark": "x"}, canary=0.5)
    assert {text(flow) for _ in range(8)} == {before, before[:-1] + "x"}
    canary.abort()
    fresh(callers, before)
    assert set(callers.seen) == {before}
    assert flow.pids == pids


def test_a_canary_must_take_and_give_what_the_old_version_does(flow: Flow):
    with pytest.raises(ConfigurationError, match="cannot answer side by side"):
        flow.update(executor="second", uses=Talks, canary=0.1)
    with pytest.raises(ConfigurationError, match="graph"):
        flow.update(Flow().add(uses=Marks, name="first"), canary=0.1)


def test_everything_can_be_started_anew(flow: Flow, callers: Callers):
    before = flow.pids
    done = flow.reload()
    assert done.replaced == ("first", "second")
    assert flow.pids.keys() == before.keys()
    assert {title for title, pid in flow.pids.items() if before[title] == pid} == {"gateway"}
    one = flow.pids
    assert flow.reload("first").replaced == ("first",)
    assert pids_of(flow, "second") == {pid for title, pid in one.items() if title.startswith("second/")}
    with pytest.raises(ConfigurationError, match="There is no Executor 'third'"):
        flow.reload("third")


def test_documents_that_change_along_a_chain_do_so_at_once_for_each_request(flow: Flow, callers: Callers):
    """`Ranks` cannot read what `Marks` gives: a request that began with the one must not go on to the other."""
    before, answer = flow.options, text(flow)
    for _ in range(2):
        wanted = Flow().add(uses=Scores, name="first", uses_with={"mark": "s"})
        done = flow.update(wanted.add(uses=Ranks, name="second", uses_with={"mark": "r"}))
        assert done.replaced == ("first", "second")
        fresh(callers, "-sr")
        flow.update(Flow.of(before))
        fresh(callers, answer)


def test_another_graph_takes_over_at_once(flow: Flow, callers: Callers, tmp_path: Path):
    first = pids_of(flow, "first")
    description = tmp_path / "flow.yml"
    description.write_text(
        "jtype: Flow\nexecutors:\n"
        "  - {name: first, uses: 'tests.endtoend.versions:Marks', uses_with: {mark: c}}\n"
        "  - {name: third, uses: 'tests.endtoend.versions:Talks', uses_with: {mark: t}, needs: first}\n"
    )
    done = flow.update(description)
    assert (done.added, done.removed) == (("third",), ("second",))
    fresh(callers, "-ct")
    assert set(callers.seen) == {"-ct"}
    assert text(flow, "/talk") == "-"
    again = flow.update(str(description))
    assert str(again) == "nothing changed"
    flow.update(Flow().add(uses=Marks, name="first", uses_with={"mark": "c"}).add(uses=Marks, name="second"))
    with pytest.raises(EndpointNotFound):
        text(flow, "/talk")
    assert first


def test_others_may_change_it_through_its_control_socket(flow: Flow, callers: Callers):
    running = next(one for one in services() if _listens_at(one.addresses, flow.ports[0]))
    assert "first" in running.reload()
    done = running.update("jtype: Flow\nexecutors:\n  - {name: only, uses: 'tests.endtoend.versions:Marks'}\n")
    assert "added only" in done
    fresh(callers, "-a")
    flow.update(Flow().add(uses=Marks, name="first").add(uses=Marks, name="second"))


def _listens_at(addresses: Sequence[str], port: int) -> bool:
    return any(address.endswith(f":{port}") for address in addresses)


def test_what_cannot_change_is_named(flow: Flow):
    with pytest.raises(ConfigurationError, match="protocol, port"):
        flow.update(Flow(protocol="http", port=8080).add(uses=Marks))
    with pytest.raises(ConfigurationError, match="port: cannot change"):
        flow.update(port=8080)
    with pytest.raises(ConfigurationError, match="Did you mean 'second'"):
        flow.update(executor="secnd", replicas=2)
    with pytest.raises(ConfigurationError, match="did you mean 'replicas'"):
        flow.update(executor="second", replcas=2)  # type: ignore[call-overload]
    with pytest.raises(ConfigurationError, match="surge"):
        flow.update(executor="second", replicas=2, surge=-1)
    with pytest.raises(ConfigurationError, match="surge=0 leaves no room"):
        flow.update(executor="second", replicas=2, surge=0, canary=0.5)
    with pytest.raises(ConfigurationError, match="there is no module 'no'"):
        flow.update(executor="second", uses="no.such.module:Executor")
    with pytest.raises(ConfigurationError, match="not both"):
        flow.update(Flow().add(uses=Marks), executor="second")


def test_with_documents_update_is_a_request(flow: Flow):
    with pytest.raises(EndpointNotFound, match="/update"):
        flow.update(Note(text="x"), return_type=Note)


def test_what_does_not_run_cannot_change():
    with pytest.raises(Unavailable, match="not running"):
        Flow().add(uses=Marks, name="first").update(executor="first", replicas=2)


# a Deployment ------------------------------------------------------------------------------------------------------------


def test_a_deployment_behind_a_gateway_changes_as_a_flow_does():
    with Deployment(uses=Marks, name="enc", protocol=EVERY, include_gateway=True) as deployment:
        with Callers(deployment.addresses) as callers:
            assert deployment.update(uses_with={"mark": "b"}).replaced == ("enc",)
            fresh(callers, "-b")
            deployment.scale(3)
            canary = deployment.update(uses_with={"mark": "c"}, canary=0.5)
            canary.promote()
            fresh(callers, "-c")
            assert deployment.reload().replaced == ("enc",)
            assert len(pids_of(deployment, "enc")) == 3
        assert callers.errors == []
        with pytest.raises(ConfigurationError, match="host: cannot change"):
            deployment.update(host="127.0.0.1")


def test_a_deployment_that_listens_itself_says_what_it_takes():
    with Deployment(uses=Marks) as deployment:
        for change in (
            lambda: deployment.update(uses_with={"mark": "b"}),
            deployment.reload,
            lambda: deployment.scale(2),
        ):
            with pytest.raises(ConfigurationError, match="include_gateway=True"):
                change()
        assert text(deployment) == "-a"


def test_a_gateway_that_has_to_be_there_cannot_be_left_out():
    with pytest.raises(ConfigurationError, match="include_gateway=False: with replicas"):
        Deployment(uses=Marks, replicas=2, include_gateway=False).start()


# the end -----------------------------------------------------------------------------------------------------------------


def test_an_end_in_the_middle_of_a_change_leaves_nothing(tmp_path: Path):
    children = set(psutil.Process().children(recursive=True))
    running = Flow().add(uses=Marks, name="first", replicas=2).start()
    running.update(executor="first", uses_with={"mark": "b"}, canary=0.5)
    running.close()
    assert set(psutil.Process().children(recursive=True)) <= children


class Slow(Marks):
    """Takes for ever to construct."""

    def __init__(self, **kwargs: Any) -> None:
        time.sleep(3600)


def test_an_end_while_new_processes_start_leaves_nothing():
    running = Flow().add(uses=Marks, name="first").start()
    raised: list[BaseException] = []

    def change() -> None:
        try:
            running.update(executor="first", uses=Slow)
        except BaseException as error:
            raised.append(error)

    changing = threading.Thread(target=change)
    changing.start()
    until(lambda: len(psutil_names_below()) >= 3)
    running.close()
    changing.join(timeout=30)
    assert not changing.is_alive()
    assert raised


def psutil_names_below() -> list[int]:
    """The processes of Flows: all children of the fork server."""
    return [process.pid for process in psutil.Process().children(recursive=True)]


async def test_calls_of_an_asynchronous_flow_are_awaited():
    async with Flow(asyncio=True).add(uses=Marks, name="first") as flow:
        asking = asyncio.create_task(_ask_until_b(flow))
        done = await flow.update(executor="first", uses_with={"mark": "b"}, canary=0.5)
        await done.promote()
        assert await asking > 0
        assert (await flow.scale("first", 2)).scaled == ("first",)
        assert (await flow.reload()).replaced == ("first",)
        with pytest.raises(EndpointNotFound):
            await flow.update(Note(text="x"), return_type=Note)


async def _ask_until_b(flow: Any) -> int:
    count = 0
    while (await flow.post("/do", Note(text="-"), return_type=DocList[Note]))[0].text != "-b":
        count += 1
    return count + 1


class Seen(BaseDoc):
    text: str = ""


def test_clients_see_the_new_endpoints(flow: Flow):
    client = Client(flow.addresses[1])
    flow.update(executor="first", uses=Talks)
    flow.update(executor="second", uses=Talks)
    assert client.post("/talk", Seen(text="x"), return_type=DocList[Seen])[0].text == "x"
    client.close()
