from pathlib import Path
from typing import Any

import pytest

from thalweg.cli.target import find, pairs
from thalweg.config import DeploymentOptions, FlowOptions
from thalweg.errors import ConfigurationError

ONE = "jtype: Flow\nwith: {protocol: http, port: 8080}\nexecutors: [{name: a, uses: 'a:B', uses_with: {x: 1, y: 2}}]"
TWO = "executors: [{name: a, uses: 'a:B'}, {name: b, uses: 'a:C'}]"


def flow(folder: Path, text: str, **overrides: Any) -> FlowOptions:
    file = folder / "flow.yml"
    file.write_text(text)
    found = find(str(file), overrides)
    assert isinstance(found, FlowOptions)
    return found


def test_an_import_string_becomes_a_deployment() -> None:
    assert find("package.module:Encoder", {"replicas": 2}) == DeploymentOptions(
        uses="package.module:Encoder", replicas=2
    )


def test_a_class_in_a_file_becomes_a_deployment_wherever_the_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "encoder.py").touch()
    monkeypatch.chdir(tmp_path)
    assert find("encoder.py:Encoder", {}) == DeploymentOptions(uses=f"{tmp_path}/encoder.py:Encoder")


@pytest.mark.parametrize("image", ["docker://encoder", "docker://registry.example.com:5000/team/encoder:2.1"])
def test_an_image_becomes_a_deployment(image: str) -> None:
    found = find(image, {"protocol": ("http",), "gpus": "all"})
    assert found == DeploymentOptions(uses=image, protocol=("http",), gpus="all")


def test_overrides_come_before_what_a_file_says(tmp_path: Path) -> None:
    found = flow(tmp_path, ONE, port=(9090,), replicas=3, uses_with={"y": 3})
    assert found.gateway.port == (9090,)
    assert found.gateway.protocol == ("http",)
    assert found.executors[0].replicas == 3
    assert found.executors[0].uses_with == {"x": 1, "y": 3}


def test_a_deployment_file_is_overridden_too(tmp_path: Path) -> None:
    file = tmp_path / "deployment.yml"
    file.write_text("jtype: Deployment\nwith: {uses: 'a:B', replicas: 2}")
    assert find(str(file), {"protocol": ("http",)}) == DeploymentOptions(uses="a:B", replicas=2, protocol=("http",))


def test_an_option_that_could_be_meant_for_several_executors_is_refused(tmp_path: Path) -> None:
    assert flow(tmp_path, TWO, protocol=("http",)).gateway.protocol == ("http",)
    with pytest.raises(ConfigurationError, match="has 2 Executors, so --replicas, --uses-with could be meant for any"):
        flow(tmp_path, TWO, replicas=2, uses_with={"x": 1})


@pytest.mark.parametrize(
    "target, message",
    [
        (
            "encoder",
            "'encoder' is nothing that can be served: name a YAML file, package.module:Class, file.py:Class, or "
            "docker://image.",
        ),
        ("absent.py:Encoder", "There is no file absent.py."),
        ("absent.yml", "absent.yml cannot be read: No such file or directory."),
        ("a:b c", "is nothing that can be served"),
        ("docker://", "names no image. Write docker://name"),
        ("jinaai+docker://team/Enc", "Jina's hub is not asked. Name an image by docker://image[:tag]"),
    ],
)
def test_a_target_that_is_none_is_refused(target: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find(target, {})
    assert message in str(caught.value)


def test_a_wrong_override_names_the_option() -> None:
    with pytest.raises(ConfigurationError, match=r"a:B: replicas: Input should be greater than or equal to 1, not 0"):
        find("a:B", {"replicas": 0})


def test_pairs_are_read_as_yaml() -> None:
    assert pairs(["model=minilm", "size=8", "on=true", "list=[1, a]", "path=a=b", "none=", "comma=,", "open=[1"]) == {
        "model": "minilm",
        "size": 8,
        "on": True,
        "list": [1, "a"],
        "path": "a=b",
        "none": None,
        "comma": ",",
        "open": "[1",
    }


@pytest.mark.parametrize("line", ["model", "=x", "a-b=1"])
def test_what_is_no_pair_is_refused(line: str) -> None:
    with pytest.raises(ConfigurationError):
        pairs([line])
