import re
from xml.etree import ElementTree

import pytest

from thalweg import Flow
from thalweg.config import FlowOptions, GatewayOptions, NodeOptions
from thalweg.errors import TopologyError
from thalweg.export.picture import condition_lines
from thalweg.export.svg import svg

NAMESPACE = {"svg": "http://www.w3.org/2000/svg"}


def flow(*nodes: NodeOptions) -> FlowOptions:
    return FlowOptions(gateway=GatewayOptions(protocol=("http", "grpc")), executors=nodes)


def texts(source: str) -> list[str]:
    return [found.text or "" for found in ElementTree.fromstring(source).iterfind(".//svg:text", NAMESPACE)]


WHOLE = flow(
    NodeOptions(name="segment", uses="a:Segmenter"),
    NodeOptions(name="text", uses="a:TextEncoder", replicas=3, when={"modality": {"$eq": "text"}}, otherwise="skip"),
    NodeOptions(name="image", uses="a:ImageEncoder", needs="segment", shards=2),
    NodeOptions(name="audit", uses="a:audit", needs="segment", floating=True),
    NodeOptions(name="ocr", external=True, host="ocr.example.org", port=50051, needs="segment"),
    NodeOptions(name="join", needs=["text", "image", "ocr"]),
)


@pytest.mark.parametrize("vertical", [False, True])
def test_a_picture_shows_what_there_is_to_know(vertical: bool) -> None:
    shown = texts(svg(WHOLE, vertical))
    for text in [
        *("Gateway", "http, grpc", "segment", "Segmenter", "text", "3 replicas", "when modality = text", "Answer"),
        *("others pass around", "2 shards", "floating", "external", "grpc://ocr.example.org:50051", "join"),
    ]:
        assert text in shown
    assert svg(WHOLE, vertical).count("marker-end") == 9


def test_a_floating_executor_has_a_dotted_line_and_no_part_in_the_answer() -> None:
    drawn = svg(flow(NodeOptions(name="audit", uses="a:audit", floating=True)))
    assert drawn.count('class="arrow loose"') == 1
    assert drawn.count("marker-end") == 2  # the caller's answer comes from the Gateway


def test_several_processes_are_a_stack() -> None:
    assert svg(flow(NodeOptions(name="a", uses="a:b"))).count('<rect class="box"') == 3
    assert svg(flow(NodeOptions(name="a", uses="a:b", replicas=2))).count('<rect class="box"') == 5


def test_nothing_is_loaded_from_anywhere() -> None:
    drawn = svg(WHOLE)
    assert re.findall(r"https?://[^\"<]+", drawn) == ["http://www.w3.org/2000/svg"]
    assert "<script" not in drawn


def test_what_looks_like_markup_is_text() -> None:
    drawn = svg(flow(NodeOptions(name="a", uses="a:<script>alert(1)<script>")))
    assert "<script>alert(1)<script>" in texts(drawn)


def test_a_box_is_as_wide_as_its_longest_line_and_no_line_is_endless() -> None:
    drawn = svg(flow(NodeOptions(name="x" * 200, uses="a:b")))
    assert max(float(width) for width in re.findall(r'<rect class="box"[^>]* width="([\d.]+)"', drawn)) > 1500
    cut = [
        text for text in texts(svg(flow(NodeOptions(name="a", uses="a:" + "y" * 200)))) if "y" in text and "…" in text
    ]
    assert len(cut) == 1
    assert len(cut[0]) <= 40


@pytest.mark.parametrize(
    "when, lines",
    [
        ({"lang": {"$eq": "en"}}, ["when lang = en"]),
        ({"tags__price": {"$gte": 1, "$lt": 5}}, ["when tags.price >= 1", "and tags.price < 5"]),
        ({"$and": [{"a": {"$exists": True}}, {"b": {"$exists": False}}]}, ["when a exists", "and b is absent"]),
        ({"$or": [{"a": {"$neq": 1}}, {"b": {"$in": [1, 2]}}]}, ["when a != 1 or b in [1, 2]"]),
        ({"$not": {"a": {"$regex": "^x"}}}, ["when not (a ~ ^x)"]),
    ],
)
def test_a_condition_is_told_in_words(when: dict[str, object], lines: list[str]) -> None:
    assert condition_lines(when) == lines


def test_a_flow_draws_itself_for_notebooks() -> None:
    shown = Flow().add(name="enc", uses="a:Encoder")
    assert shown._repr_svg_() == shown.to_svg()
    assert "Encoder" in texts(shown.to_svg(vertical=True))


def test_a_graph_that_makes_no_sense_is_an_error() -> None:
    with pytest.raises(TopologyError, match="needs 'absent'"):
        svg(flow(NodeOptions(name="enc", uses="a:b", needs="absent")))
