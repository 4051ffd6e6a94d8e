"""What a Flow does, seen from the one who wrote it."""

import os
import sys
import threading
import types

import pytest

from tests.endtoend.samples import Length, Slow, Suffix, Surroundings, Text, Upper, shout
from thalweg import AsyncClient, Client, Executor, Flow, requests
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import (
    ConfigurationError,
    EndpointNotFound,
    SchemaMismatch,
    StartupFailed,
    TopologyError,
    Unavailable,
)
from thalweg.orchestration import Phase


@pytest.fixture(scope="module")
def chain():
    with Flow(protocol=["http", "grpc"]).add(uses=Upper, name="upper", replicas=2).add(uses=shout) as flow:
        yield flow


def test_documents_go_through_the_executors_in_order(chain):
    sent = DocList[Text]([Text(text=letter) for letter in "abc"])
    found = chain.post("/do", sent, return_type=DocList[Text])
    assert [doc.text for doc in found] == ["A!", "B!", "C!"]
    assert [doc.id for doc in found] == [doc.id for doc in sent]


@pytest.mark.parametrize("index", [0, 1], ids=["http", "grpc"])
def test_it_is_reached_at_its_addresses(chain, index):
    assert chain.addresses[index].startswith(("http://127.0.0.1:", "grpc://127.0.0.1:")[index])
    with Client(chain.addresses[index]) as client:
        assert client.is_ready()
        assert client.post("/do", Text(text="a"), return_type=Text).text == "A!"


async def test_an_asynchronous_client_reaches_it(chain):
    async with AsyncClient(chain.addresses[0]) as client:
        assert (await client.post("/do", Text(text="a"), return_type=Text)).text == "A!"


def test_each_process_has_a_name(chain):
    assert sorted(chain.pids) == ["executor1/0", "gateway", "upper/0", "upper/1"]
    assert os.getpid() not in chain.pids.values()


def test_an_unknown_endpoint_is_named_with_the_known_ones(chain):
    with pytest.raises(EndpointNotFound, match="/do"):
        chain.post("/nowhere", Text(text="a"))


def test_many_documents_from_a_generator(chain):
    found = chain.post("/do", (Text(text=str(n)) for n in range(1000)), request_size=16, return_type=DocList[Text])
    assert [doc.text for doc in found] == [f"{n}!" for n in range(1000)]


def test_it_can_be_called_from_many_threads(chain):
    texts = [None] * 8

    def call(number):
        texts[number] = chain.post("/do", Text(text=str(number)), return_type=Text).text

    threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == [f"{number}!" for number in range(8)]


def test_items_of_a_stream_come_one_by_one():
    with Flow().add(uses=Slow) as flow:
        assert [doc.text for doc in flow.stream("/stream", Text(text="abc"), return_type=Text)] == ["a", "b", "c"]


class Left(BaseDoc):
    text: str
    left: str = ""


class Right(BaseDoc):
    text: str
    right: str = ""


class Both(BaseDoc):
    text: str
    left: str = ""
    right: str = ""


def test_branches_are_joined_by_the_ids_of_their_documents():
    @requests(on="/do")
    def left(docs: DocList[Text]) -> DocList[Left]:
        return DocList[Left]([Left(id=doc.id, text=doc.text, left=doc.text + "<") for doc in docs])

    @requests(on="/do")
    def right(docs: DocList[Text]) -> DocList[Right]:
        return DocList[Right]([Right(id=doc.id, text=doc.text, right=">" + doc.text) for doc in reversed(docs)])

    @requests(on="/do")
    def join(docs: DocList[Both]) -> DocList[Both]:
        return docs

    flow = Flow().add(uses=left, needs="gateway", name="l").add(uses=right, needs="gateway", name="r")
    with flow.needs_all(uses=join, name="join"):
        found = flow.post("/do", [Text(text="a"), Text(text="b")], return_type=DocList[Both])
    assert [(doc.left, doc.right) for doc in found] == [("a<", ">a"), ("b<", ">b")]


def test_an_edge_that_does_not_fit_fails_before_anything_starts():
    flow = Flow().add(uses=Length, name="length").add(uses=Upper, name="upper")
    with pytest.raises(SchemaMismatch, match=r"'length'.*'upper'.*/do(.|\n)*text"):
        flow.build()
    heard = []
    with pytest.raises(SchemaMismatch):
        flow.start(heard.append)
    assert heard == []
    assert not flow.running


def test_an_edge_between_executors_that_only_workers_know_fails_before_they_are_constructed(tmp_path):
    source = """
from pathlib import Path
from tests.endtoend.samples import Length, Upper
class Constructed(Length):
    def __init__(self, marker, **kwargs):
        super().__init__(**kwargs)
        Path(marker).touch()
"""
    (tmp_path / "constructed.py").write_text(source)
    marker = tmp_path / "marker"
    flow = Flow().add(uses=f"{tmp_path}/constructed.py:Constructed", name="length", uses_with={"marker": str(marker)})
    flow.add(uses="tests.endtoend.samples:Upper", name="upper").build()
    with pytest.raises(SchemaMismatch, match="'length' cannot feed 'upper'"):
        flow.start()
    assert not marker.exists()
    assert "constructed" not in sys.modules


def test_build_takes_an_executor_that_it_does_not_know_yet_to_fit():
    Flow().add(uses=Length).add(uses="xml:Thing").add(uses=Upper).build()


@pytest.mark.parametrize("name", ["a", "b"])
def test_the_graph_is_checked(name):
    with pytest.raises(TopologyError, match=f"Two Executors are called '{name}'"):
        Flow().add(uses=Upper, name=name).add(uses=Upper, name=name).build()


def test_an_unknown_option_is_answered_with_the_nearest():
    with pytest.raises(ConfigurationError, match=r"Flow\.add: replcas.*'replicas'"):
        Flow().add(uses=Upper, replcas=2)
    with pytest.raises(ConfigurationError, match=r"Flow: prot: .*"):
        Flow(prot=1)


def test_executors_cannot_be_added_to_a_running_flow(chain):
    with pytest.raises(ConfigurationError, match="is running"):
        chain.add(uses=Upper)


def test_a_flow_that_is_not_running_says_so():
    flow = Flow(name="idle").add(uses=Upper)
    assert not flow.is_ready()
    with pytest.raises(Unavailable, match="Flow 'idle' is not running"):
        flow.post("/do", Text(text="a"))


def test_a_flow_can_be_started_again():
    flow = Flow().add(uses=Upper)
    for _ in range(2):
        with flow:
            assert flow.is_ready()
            assert flow.post("/do", Text(text="a"), return_type=Text).text == "A"
        assert not flow.running


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_port_that_is_taken_is_named(chain, protocol):
    port = chain.ports[0]
    with pytest.raises(StartupFailed, match=f"port {port} is taken by process [0-9]+") as failure:
        Flow(protocol=protocol, port=port).add(uses=Upper).start()
    assert failure.value.traceback == ""


def test_it_comes_from_yaml(tmp_path):
    (tmp_path / "flow.yml").write_text("""
jtype: Flow
with:
  protocol: http
executors:
  - uses: tests.endtoend.samples:Upper
  - uses: tests.endtoend.samples:Suffix
    uses_with: {suffix: "?"}
""")
    with Flow.load_config(tmp_path / "flow.yml") as flow:
        assert flow.post("/do", Text(text="a"), return_type=Text).text == "A?"
    assert [node.name for node in flow.options.executors] == ["executor0", "executor1"]


async def test_it_starts_in_a_running_event_loop_as_notebooks_have_one():
    with Flow().add(uses=Upper) as flow:
        assert flow.post("/do", Text(text="a"), return_type=Text).text == "A"


def test_progress_is_told():
    heard = []
    flow = Flow().add(uses=Upper, name="upper")
    flow.start(heard.append)
    flow.close()
    phases = [progress.phase for progress in heard if progress.name == "upper"]
    assert phases == [
        Phase.LAUNCHED,
        Phase.LOADING,
        Phase.DESCRIBED,
        Phase.STARTING,
        Phase.READY,
        Phase.STOPPED,
    ]


def test_its_diagram_names_the_executors():
    diagram = Flow().add(uses=Upper, name="upper").add(uses=Suffix, name="suffix").to_mermaid()
    assert "upper" in diagram
    assert "suffix" in diagram


def look(flow, what):
    return flow.post("/look", Text(text=what), return_type=Text).text


@pytest.fixture(scope="module")
def surroundings():
    with Flow().add(uses=Surroundings, env={"FLAVOUR": "sweet"}) as flow:
        yield flow


def test_a_worker_is_where_its_parent_is(surroundings):
    assert look(surroundings, "directory") == os.getcwd()


def test_a_worker_has_the_variables_that_it_was_given(surroundings):
    assert look(surroundings, "flavour") == "sweet"
    assert "FLAVOUR" not in os.environ


def test_a_worker_that_listens_to_its_gateway_alone_loads_no_server(surroundings):
    assert look(surroundings, "heavy") == "[]"


def test_a_worker_has_no_script_for_its_main_module(surroundings):
    assert look(surroundings, "main") == "[]"


def test_a_busy_worker_gives_its_interpreter_away_soon(surroundings):
    assert float(look(surroundings, "switch")) == pytest.approx(0.001)


@pytest.mark.parametrize("what", ["random", "numpy", "id"])
def test_processes_draw_different_numbers(what):
    with (
        Flow()
        .add(uses=Surroundings, name="a", needs="gateway")
        .add(uses=Surroundings, name="b", needs="gateway") as flow
    ):
        drawn = [flow.post("/look", Text(text=what), target_executor=name, return_type=Text).text for name in "ab"]
    assert drawn[0] != drawn[1]


def test_a_variable_that_libraries_read_while_they_load_is_there_in_time():
    with Flow().add(uses=Surroundings, env={"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "1"}) as flow:
        assert look(flow, "blas") == "1"
        assert flow.pids["executor0/0"] == int(look(flow, "pid"))


def test_executors_that_have_no_importable_name_are_carried():
    class Here(Executor):
        @requests(on="/do")
        def do(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
            return DocList[Text]([Text(text=doc.text[::-1]) for doc in docs])

    module = types.ModuleType("made_by_hand")
    Here.__module__ = "made_by_hand"
    sys.modules["made_by_hand"] = module
    try:
        with Flow().add(uses=Here) as flow:
            assert flow.post("/do", Text(text="ab"), return_type=Text).text == "ba"
    finally:
        del sys.modules["made_by_hand"]


def test_two_flows_run_side_by_side(chain):
    with Flow().add(uses=Suffix, uses_with={"suffix": "?"}) as other:
        assert other.post("/do", Text(text="a"), return_type=Text).text == "a?"
        assert chain.post("/do", Text(text="a"), return_type=Text).text == "A!"
    assert chain.post("/do", Text(text="a"), return_type=Text).text == "A!"
