"""Where the processes of an Executor run, from its options."""

import msgspec
import pytest

from thalweg import Executor, Flow, requests
from thalweg.config import NodeOptions
from thalweg.config.load import parse_options
from thalweg.errors import ConfigurationError
from thalweg.orchestration.blueprint import deployment_blueprint, flow_blueprint
from thalweg.orchestration.deployment import Deployment
from thalweg.orchestration.directory import Directory
from thalweg.orchestration.places import placed
from thalweg.service.control import WIRE, Hello, Surroundings, WorkerSpec
from thalweg.service.foreign import foreign_options
from thalweg.service.placement import ContainerPlace, EnvironmentPlace


def spec_of(**options):
    node = parse_options(NodeOptions, {"name": "enc", **options}, "test")
    spec = WorkerSpec("enc", 0, Surroundings([], b"", {}), [], b"")
    return placed(spec, node, node.env)


@pytest.fixture
def directory():
    found = Directory()
    yield found
    found.close()


def test_without_anything_said_it_stays_where_it_is():
    assert spec_of(uses="package.module:Class").place is None


def test_an_image_becomes_a_container_that_is_told_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = spec_of(
        uses="docker://encoder:2",
        uses_with={"model": "small", "sizes": [1, 2]},
        env={"A": "b"},
        gpus="all",
        networks=["backend", "other"],
        user="1000:1000",
        pull="never",
        docker_kwargs={"shm_size": "1g"},
        replicas=3,
    )
    assert spec.foreign
    assert spec.place == ContainerPlace(
        "encoder:2",
        gpus="all",
        networks=["backend", "other"],
        user="1000:1000",
        pull="never",
        arguments={"shm_size": "1g"},
        variables={"A": "b"},
    )
    told = foreign_options(spec.content)
    assert told.uses is None
    assert told.uses_with == {"model": "small", "sizes": [1, 2]}
    assert told.replicas == 3
    assert told.gpus is None
    assert told.env == {}


def test_what_is_no_data_is_refused_with_the_name_of_the_executor():
    with pytest.raises(ConfigurationError, match=r"enc runs in a container, and what it is given must be data"):
        spec_of(uses="docker://encoder", uses_with={"model": object()})


def test_options_of_a_newer_version_are_refused_by_name():
    content = msgspec.msgpack.encode({"options": {"name": "enc", "replicaz": 2}})
    with pytest.raises(ConfigurationError, match="replicaz"):
        foreign_options(content)


def test_a_hello_can_be_read_whatever_is_added_to_it():
    later = msgspec.msgpack.encode({"type": "hello", "wire": WIRE + 1, "thalweg": "9", "python": "4", "more": [1]})
    assert msgspec.msgpack.decode(later, type=Hello) == Hello(WIRE + 1, "9", "4")


def test_a_workspace_is_mounted(tmp_path):
    spec = spec_of(uses="docker://encoder", workspace=str(tmp_path / "files"))
    assert spec.place.volumes == [f"{tmp_path}/files:/workspace:rw"]
    assert (tmp_path / "files").is_dir()
    assert foreign_options(spec.content).workspace == "/workspace"


def test_a_workspace_can_stay_in_the_container():
    spec = spec_of(uses="docker://encoder", workspace="/data", disable_auto_volume=True)
    assert spec.place.volumes == []
    assert foreign_options(spec.content).workspace == "/data"


@pytest.mark.parametrize(
    "options", [{"volumes": "/tmp:/x"}, {"gpus": 1}, {"entrypoint": "x"}, {"docker_kwargs": {"init": True}}]
)
def test_options_of_containers_need_an_image(options):
    with pytest.raises(
        ConfigurationError, match=f"Executor 'enc': {next(iter(options))}: of use with uses='docker://image'"
    ):
        spec_of(uses="package.module:Class", **options)


@pytest.mark.parametrize("options", [{"requirements": "numpy"}, {"install_requirements": True}, {"py_modules": "a.py"}])
def test_an_image_has_its_code_and_libraries_in_it(options):
    with pytest.raises(ConfigurationError, match="not for an image"):
        spec_of(uses="docker://encoder", **options)


def test_requirements_become_an_environment():
    spec = spec_of(uses="package.module:Class", requirements=["a>=1", "# nothing", "", "b"])
    assert spec.place == EnvironmentPlace(["a>=1", "b"], [])
    assert not spec.foreign


@pytest.mark.parametrize(
    "uses", ["{folder}/enc.py:Enc", "{folder}/config.yml", "enc_of_test:Enc", "pack_of_test.enc:Enc"]
)
def test_requirements_are_found_beside_the_executor(uses, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "requirements.txt").write_text("a\n")
    (tmp_path / "enc_of_test.py").write_text("raise RuntimeError('it must not be imported here')")
    (tmp_path / "pack_of_test").mkdir()
    (tmp_path / "pack_of_test" / "__init__.py").write_text("raise RuntimeError('it must not be imported here')")
    spec = spec_of(uses=uses.format(folder=tmp_path), install_requirements=True)
    assert spec.place == EnvironmentPlace([], [str(tmp_path / "requirements.txt")])


def test_requirements_that_are_not_there_are_an_error_that_says_where_they_were_looked_for(tmp_path):
    with pytest.raises(ConfigurationError, match=f"no requirements.txt beside .*{tmp_path}"):
        spec_of(uses=f"{tmp_path}/enc.py:Enc", install_requirements=True)


def test_a_deployment_in_a_container_has_a_gateway_on_this_side(directory):
    blueprint = deployment_blueprint(Deployment(uses="docker://encoder").options, directory)
    assert blueprint.gateway is not None
    assert [worker.place.image for worker in blueprint.workers] == ["encoder"]


def test_before_and_after_shards_there_may_be_images(directory):
    class Enc(Executor):
        @requests
        def f(self, docs, **_):
            pass

    flow = Flow().add(uses=Enc, shards=2, uses_before="docker://before:1")
    places = [worker.place for worker in flow_blueprint(flow.options, directory).workers]
    assert places == [None, None, ContainerPlace("before:1")]
