import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from thalweg import Deployment, Flow
from thalweg.config import DeploymentOptions, FlowOptions, GatewayOptions, NodeOptions
from thalweg.config.load import load_deployment, load_flow, load_options, parse_options
from thalweg.errors import ConfigurationError

FLOW = """
jtype: Flow
with:
  protocol: [http, grpc]
  port: [8080, 50051]
executors:
  - name: enc
    uses: encoder.py:Encoder
    uses_with: {model: minilm}
    replicas: 2
  - name: shout
    uses: encoder.py:shout
    needs: enc
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "encoder.py").write_text("")
    (tmp_path / "flow.yml").write_text(FLOW)
    return tmp_path


def failure(text: Any, **rest: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_options(dedent(text) if isinstance(text, str) else text, **rest)
    return str(caught.value)


def test_a_flow_file_becomes_options(folder: Path) -> None:
    flow = load_flow(folder / "flow.yml")
    assert flow.gateway == GatewayOptions(protocol=("http", "grpc"), port=(8080, 50051))
    assert [node.name for node in flow.executors] == ["enc", "shout"]
    assert flow.executors[0].uses_with == {"model": "minilm"}
    assert flow.executors[0].replicas == 2
    assert flow.executors[0].needs is None
    assert flow.executors[1].needs == ("enc",)


def test_files_are_found_from_the_folder_of_the_file_that_names_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    flow = load_flow(f"{folder.name}/flow.yml")
    assert flow.executors[0].uses == f"{folder}/encoder.py:Encoder"


def test_files_that_text_names_are_found_from_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert load_flow(FLOW).executors[1].uses == f"{folder}/encoder.py:shout"


def test_modules_are_left_as_they_are_and_files_among_them_made_absolute(folder: Path) -> None:
    (folder / "flow.yml").write_text(
        "executors: [{uses: 'pkg.mod:Enc', py_modules: [encoder.py, pkg.mod]},"
        "{uses: {jtype: Enc, py_modules: encoder.py}}]"
    )
    first, second = load_flow(folder / "flow.yml").executors
    assert (first.uses, first.py_modules) == ("pkg.mod:Enc", (f"{folder}/encoder.py", "pkg.mod"))
    assert second.uses == {"jtype": "Enc", "py_modules": [f"{folder}/encoder.py"]}


def test_pages_are_found_from_the_folder_of_the_file_that_names_them(folder: Path) -> None:
    (folder / "search.html").write_text("")
    (folder / "flow.yml").write_text("jtype: Flow\nwith: {protocol: http, pages: {/: search.html}}")
    assert load_flow(folder / "flow.yml").gateway.pages == {"/": folder / "search.html"}


def test_a_page_that_is_not_there_is_named_with_its_line(folder: Path) -> None:
    (folder / "flow.yml").write_text("jtype: Flow\nwith:\n  pages:\n    /: absent.html")
    assert failure(folder / "flow.yml") == f"{folder}/flow.yml:4: with.pages./: there is no file {folder}/absent.html."


def test_a_page_needs_a_path_that_begins_with_a_slash() -> None:
    assert "'search' is no URL path: it begins with '/'" in failure({"with": {"pages": {"search": "page.html"}}})


def test_a_file_that_is_not_there_is_named_with_its_line(folder: Path) -> None:
    (folder / "flow.yml").write_text("executors:\n  - uses: absent.py:Encoder\n")
    assert failure(folder / "flow.yml") == (
        f"{folder}/flow.yml:2: executors[0].uses: there is no file {folder}/absent.py."
    )


def test_json_text_and_a_mapping_mean_the_same_as_yaml(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    mapping = {"with": {"port": 8080}, "executors": [{"uses": "encoder.py:Encoder"}]}
    assert (
        load_options(json.dumps(mapping))
        == load_options(mapping)
        == load_options("""
        with: {port: 8080}
        executors: [{uses: "encoder.py:Encoder"}]
    """)
    )


def test_gateway_is_another_name_for_with() -> None:
    assert load_flow("gateway: {port: 8080}\nwith: {protocol: http}").gateway == GatewayOptions(
        protocol=("http",), port=(8080,)
    )


def test_an_option_that_stands_in_with_and_in_gateway_is_an_error() -> None:
    message = failure("jtype: Flow\ngateway: {port: 8080}\nwith: {port: 8081}")
    assert message == "line 2: gateway.port: stands in 'with' too; say it in one of them."


def test_a_deployment_file_becomes_options(folder: Path) -> None:
    file = folder / "deployment.yml"
    file.write_text("jtype: Deployment\nwith: {uses: encoder.py:Encoder, protocol: http, replicas: 3}")
    expected = DeploymentOptions(uses=f"{folder}/encoder.py:Encoder", protocol=("http",), replicas=3)
    assert load_deployment(file) == load_options(file) == expected


def test_the_file_of_an_executor_becomes_a_deployment_of_it(folder: Path) -> None:
    file = folder / "executor.yml"
    file.write_text("jtype: Encoder\npy_modules: [encoder.py]")
    assert load_options(file) == DeploymentOptions(uses=str(file))


def test_a_file_that_does_not_say_what_it_is_is_told_how_to() -> None:
    assert "begin it with 'jtype: Flow'" in failure("name: x")


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "executors:\n- name: a\n  replcas: 2",
            "line 3: executors[0].replcas: no such option; did you mean 'replicas'?",
        ),
        ("jtype: Flow\nexecutor: []", "line 2: executor: no such option; did you mean 'executors'?"),
        ("jtype: Flow\nwith:\n  prot: 1", "line 3: with.prot: no such option; did you mean 'port'?"),
        ("jtype: Flow\nwith:\n  limits:\n    max_inflite: 1", "did you mean 'max_inflight'?"),
        (
            "jtype: Deployment\nwith:\n  queue: {zzz: 1}",
            "there are adaptive_concurrency, max_inflight, max_inflight_bytes",
        ),
        ("jtype: Flow\nexecutors: enc", "line 2: executors: Input should be a list, not 'enc'"),
        ("jtype: Flw\nexecutors: []", "line 1: jtype: 'Flw' has Executors, as only a Flow has; write 'jtype: Flow'."),
        ("jtype: Flow\nversion: '2'", "line 2: version: Input should be '1', not '2'"),
        (
            "executors:\n- replicas: 0",
            "line 2: executors[0].replicas: Input should be greater than or equal to 1, not 0",
        ),
        (
            "jtype: Flow\nwith:\n  protocol:\n  - http\n  - soap",
            "line 5: with.protocol[1]: Input should be 'grpc', 'http' or",
        ),
        ("jtype: Flow\nwith: {protocol: http, port: [1, 2]}", "1 protocols (http) need as many ports, not 2"),
        ("jtype: Flow\nwith: {port: 70000}", "with.port: Input should be less than or equal to 65535, not 70000"),
        ("jtype: Flow\njtype: Flow", "line 2: jtype: stands twice; the first is on line 1"),
        ("jtype: [Flow", "line 1: while parsing a flow sequence"),
        ("jtype: Flow\nname: !env x", "line 2: could not determine a constructor for the tag '!env'"),
        ("- jtype: Flow\n", "must be a mapping of options"),
    ],
)
def test_an_error_names_the_key_its_line_and_what_to_do(text: str, message: str) -> None:
    assert message in failure(text)


def test_every_error_of_a_file_is_told_at_once_and_in_details() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_flow("executors:\n- replicas: none\n- nam: x")
    assert str(caught.value).count("\n") == 1
    assert [item["loc"] for item in caught.value.details] == [["executors", 0, "replicas"], ["executors", 1, "nam"]]


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    assert failure(tmp_path / "absent.yml") == f"{tmp_path}/absent.yml cannot be read: No such file or directory."
    assert "cannot be read" in failure("absent.yml")


def test_a_file_that_is_not_text_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "flow.yml").write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8 text" in failure(tmp_path / "flow.yml")


def test_yaml_never_makes_objects() -> None:
    assert "could not determine a constructor" in failure("jtype: !!python/object/apply:os.getcwd []\nname: x")


def options(text: str, environment: dict[str, str] | None = None, **context: Any) -> dict[str, Any]:
    flow = load_flow(f"executors:\n- uses_with:\n    x: {text}\n", context=context, environment=environment or {})
    return flow.executors[0].uses_with


@pytest.mark.parametrize(
    "text, expected",
    [
        ("${{ ENV.N }}", 8),
        ("${{env.N}}", 8),
        ('"${{ ENV.N }}"', "8"),
        ("${{ ENV.HOST }}:${{ ENV.N }}", "box:8"),
        ("1${{ ENV.N }}", 18),
        ("${{ ENV.ABSENT:-3.5 }}", 3.5),
        ("${{ ENV.EMPTY:-red }}", "red"),
        ("${{ ENV.EMPTY:- }}", None),
        ("'${{ ENV.EMPTY }}'", ""),
        ("${{ ENV.YAML }}", "[1, {a: b}]"),
        ("$N and ${N}", "$N and ${N}"),
    ],
)
def test_the_environment_is_filled_in(text: str, expected: Any) -> None:
    environment = {"N": "8", "HOST": "box", "EMPTY": "", "YAML": "[1, {a: b}]"}
    assert options(text, environment) == {"x": expected}


def test_the_context_is_filled_in_with_values_of_any_type() -> None:
    assert options("${{ CONTEXT.sizes }}", sizes=[1, 2]) == {"x": [1, 2]}
    assert options("'${{ CONTEXT.model }}-${{ CONTEXT.bits }}'", model="minilm", bits=8) == {"x": "minilm-8"}
    assert options("${{ CONTEXT.model }}", model=None) == {"x": None}


def test_placeholders_of_a_mapping_are_filled_in() -> None:
    flow = load_flow({"executors": [{"replicas": "${{ ENV.N }}", "uses": "${{ CONTEXT.uses }}"}]},
                     context={"uses": dict}, environment={"N": "2"})  # fmt: skip
    assert flow.executors[0] == NodeOptions(replicas=2, uses=dict)


@pytest.mark.parametrize(
    "text, message",
    [
        ("${{ ENV.NOPE }}", "line 3: executors[0].uses_with.x: the environment variable NOPE is not set"),
        ("${{ CONTEXT.nope }}", "line 3: executors[0].uses_with.x: the context variable nope is not set"),
        ("${{ nope }}", "line 3: executors[0].uses_with.x: ${{ nope }} is not understood: write ${{ ENV.NAME }}"),
    ],
)
def test_a_placeholder_without_a_value_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        options(text)
    assert str(caught.value).startswith(message)


def test_the_environment_is_that_of_the_process_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THALWEG_TEST_PORT", "8123")
    assert load_flow("jtype: Flow\nwith: {port: '${{ ENV.THALWEG_TEST_PORT }}'}").gateway.port == (8123,)


def test_anchors_and_merge_keys_work() -> None:
    flow = load_flow("executors:\n- &first {name: a, replicas: 2}\n- {<<: *first, name: b}\n")
    assert [(node.name, node.replicas) for node in flow.executors] == [("a", 2), ("b", 2)]


def test_keyword_arguments_are_checked_like_a_file() -> None:
    assert parse_options(NodeOptions, {"needs": "a"}) == NodeOptions(needs=("a",))
    with pytest.raises(ConfigurationError) as caught:
        parse_options(NodeOptions, {"replcas": 2}, "Flow.add")
    assert str(caught.value) == "Flow.add: replcas: no such option; did you mean 'replicas'?"


def test_options_stay_equal_through_their_own_dump() -> None:
    flow = FlowOptions(gateway=GatewayOptions(port=(1,)), executors=(NodeOptions(name="a", needs=("b",)),))
    dumped = flow.model_dump(mode="json")
    assert load_flow(dumped) == flow


def test_flow_and_deployment_fill_in_the_context_that_they_are_given() -> None:
    flow = Flow.load_config("executors:\n- uses: ${{ CONTEXT.uses }}", context={"uses": "a:B"})
    deployment = Deployment.load_config(
        "jtype: Deployment\nwith: {uses: '${{ CONTEXT.uses }}'}", context={"uses": "a:B"}
    )
    assert flow.options.executors[0].uses == deployment.options.uses == "a:B"
