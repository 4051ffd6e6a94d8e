"""What is said of containers, before there is any."""

import pytest

from thalweg import Deployment
from thalweg.config.containers import ContainerOptions, bind, image_of
from thalweg.config.load import parse_options
from thalweg.errors import ConfigurationError


@pytest.mark.parametrize(
    "uses,image",
    [
        ("docker://encoder", "encoder"),
        ("docker://encoder:1.2", "encoder:1.2"),
        ("docker://localhost:5000/team/encoder:v1", "localhost:5000/team/encoder:v1"),
        ("docker://encoder@sha256:0af1", "encoder@sha256:0af1"),
        ("package.module:Class", None),
        (None, None),
        (object, None),
    ],
)
def test_images(uses, image):
    assert image_of(uses) == image


@pytest.mark.parametrize(
    "uses", ["docker://", "docker:// encoder", "docker://-x", "docker://a b", "docker://--privileged"]
)
def test_what_is_no_image_is_refused(uses):
    with pytest.raises(ConfigurationError, match="names no image"):
        image_of(uses)


@pytest.mark.parametrize(
    "uses", ["jinaai+docker://jina-ai/Sentencizer", "jinaai://jina-ai/Sentencizer", "jinahub+docker://X"]
)
def test_the_hub_is_refused_with_what_to_write(uses):
    with pytest.raises(ConfigurationError, match=r"docker://image\[:tag\]"), Deployment(uses=uses):
        pass


def test_volumes(tmp_path):
    (tmp_path / "data").mkdir()
    assert bind(f"{tmp_path}/data:/inside", tmp_path) == f"{tmp_path}/data:/inside:rw"
    assert bind(f"{tmp_path}/data:/inside:ro", tmp_path) == f"{tmp_path}/data:/inside:ro"
    assert bind("./data:/inside", tmp_path) == f"{tmp_path}/data:/inside:rw"
    assert bind("named:/inside:ro", tmp_path) == "named:/inside:ro"


def test_a_path_alone_is_mounted_under_its_last_name(tmp_path):
    (tmp_path / "data").mkdir()
    assert bind("data", tmp_path) == f"{tmp_path}/data:/data:rw"
    assert bind(f"{tmp_path}/data", tmp_path) == f"{tmp_path}/data:/data:rw"


@pytest.mark.parametrize(
    "volume,why",
    [
        ("missing", "there is no"),
        ("./missing:/inside", "there is no"),
        ("named:inside", "no absolute path"),
        ("named:/inside:quick", "not understood"),
        (":/inside", "not understood"),
    ],
)
def test_volumes_that_cannot_be_are_refused(volume, why, tmp_path):
    with pytest.raises(ConfigurationError, match=why):
        bind(volume, tmp_path)


def test_options_in_their_short_forms():
    options = parse_options(
        ContainerOptions,
        {"volumes": "a:/b", "entrypoint": "thalweg executor --uses 'my config.yml'", "networks": "host", "user": 1000},
        "test",
    )
    assert options.volumes == ("a:/b",)
    assert options.entrypoint == ("thalweg", "executor", "--uses", "my config.yml")
    assert options.networks == ("host",)
    assert options.user == "1000"


@pytest.mark.parametrize(
    "given,why",
    [
        ({"gpus": "some"}, "gpus="),
        ({"networks": ["host", "other"]}, "no other network"),
        ({"pull": "sometimes"}, "pull"),
        ({"docker_kwargs": {"auto_remove": False, "name": "x"}}, "auto_remove, name: set by Thalweg"),
    ],
)
def test_options_that_make_no_sense_are_refused(given, why):
    with pytest.raises(ConfigurationError, match=why):
        parse_options(ContainerOptions, given, "test")
