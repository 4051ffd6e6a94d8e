from textwrap import dedent
from typing import Any

import pytest

from thalweg.config import FlowOptions, GatewayOptions, NodeOptions
from thalweg.errors import TopologyError
from thalweg.export.mermaid import diagram


class Encoder: ...


def shout() -> None: ...


def flow(*nodes: NodeOptions, **gateway: Any) -> FlowOptions:
    return FlowOptions(gateway=GatewayOptions(**gateway), executors=nodes)


def test_a_chain() -> None:
    options = flow(
        NodeOptions(name="enc", uses=Encoder, replicas=2),
        NodeOptions(name="shout", uses=shout),
        protocol=("http", "grpc"),
    )
    assert diagram(options) == dedent("""\
        flowchart LR
            gateway(["Gateway<br/>http, grpc"])
            node0["enc<br/>Encoder<br/>2 replicas"]
            node1["shout"]
            answer(["Answer"])
            gateway --> node0
            node0 --> node1
            node1 --> answer""")


def test_a_fan_out_with_a_join_and_a_loose_end() -> None:
    options = flow(
        NodeOptions(name="left-hand", uses=shout),
        NodeOptions(name="right", uses="a:right", needs="gateway"),
        NodeOptions(name="end", needs=["left-hand", "right"]),
        NodeOptions(name="log", uses="a:log", needs="right"),
    )
    assert diagram(options) == dedent("""\
        flowchart LR
            gateway(["Gateway<br/>grpc"])
            node0["left-hand<br/>shout"]
            node1["right"]
            node2{{"end"}}
            node3["log"]
            answer(["Answer"])
            gateway --> node0
            gateway --> node1
            node0 --> node2
            node1 --> node2
            node1 --> node3
            node2 --> answer
            node3 --> answer""")


def test_a_flow_without_executors() -> None:
    assert diagram(flow()).splitlines()[-1] == "    gateway --> answer"


@pytest.mark.parametrize(
    "uses, label",
    [
        ("docker://registry.example.org/clip:2", "enc<br/>registry.example.org/clip:2"),
        ("package.module:Encoder", "enc<br/>Encoder"),
        ("/home/user/encoder.py:Encoder", "enc<br/>Encoder"),
        ("folder/encoder.yml", "enc<br/>encoder.yml"),
        ("jtype: Encoder\nwith: {}", "enc<br/>Encoder"),
        ({"jtype": "Encoder"}, "enc<br/>Encoder"),
        ('a:"<b>[c]"\n#', "enc<br/>#34;#60;b#62;#91;c#93;#34;#10;#35;"),
        ("a:Größe", "enc<br/>Größe"),
        (lambda: None, "enc<br/>#60;lambda#62;"),
    ],
)
def test_user_code_is_named_as_short_as_can_be(uses: Any, label: str) -> None:
    assert f'["{label}"]' in diagram(flow(NodeOptions(name="enc", uses=uses)))


def test_what_sets_an_executor_apart_stands_below_its_name() -> None:
    shown = diagram(
        flow(
            NodeOptions(name="far", external=True, host=["grpc://a:1", "grpcs://b:2"]),
            NodeOptions(name="enc", uses=Encoder, needs="gateway", shards=2, replicas=3),
            NodeOptions(name="audit", uses=shout, needs="gateway", floating=True),
            NodeOptions(name="some", uses=shout, needs="enc", when={"size": {"$lt": 5}}, otherwise="skip"),
        ),
        vertical=True,
    )
    assert shown.startswith("flowchart TB\n")
    assert '[["far<br/>external<br/>grpc://a:1<br/>grpcs://b:2"]]' in shown
    assert '["enc<br/>Encoder<br/>2 shards<br/>3 replicas each"]' in shown
    assert '["some<br/>shout<br/>when size #60; 5<br/>others pass around"]' in shown
    assert "gateway -.-> node2" in shown
    assert "node2 --> answer" not in shown


def test_a_graph_that_makes_no_sense_is_an_error() -> None:
    with pytest.raises(TopologyError, match="needs 'absent'"):
        diagram(flow(NodeOptions(name="enc", needs="absent")))
