"""Images of real registries, on this machine."""

import os
from threading import Event

import pytest

from tests.orchestration.launchers.engine import containers
from tests.orchestration.launchers.registry import (
    PASSWORD,
    USER,
    logged_in,
    programs,
    pushed,
    registries,
    registry,
    small_image,
)
from thalweg import Deployment
from thalweg.docs import DocList
from thalweg.errors import Cancelled, StartupFailed
from thalweg.orchestration.launchers.docker.engine import connect, engine_socket
from thalweg.orchestration.launchers.docker.image import present
from thalweg.testing.samples import Said

pytestmark = [containers, registries]

CODE = """
from thalweg import Executor, requests
from thalweg.docs import DocList
from thalweg.testing.samples import Said


class Shelf(Executor):
    @requests
    def tell(self, docs: DocList[Said], **_) -> DocList[Said]:
        return DocList[Said]([Said(text=f"{doc.text} of the shelf") for doc in docs])
"""
FILES = {"config.yml": "jtype: Shelf\npy_modules: shelf.py\n", "shelf.py": CODE}


class Heard:
    """Who wants to know how an image comes."""

    def __init__(self):
        self.notes = []
        self.ways = []

    def advance(self, message, done):
        self.ways.append((message, done))

    def note(self, text):
        self.notes.append(text)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture
def name(engine, address, request):
    """A name that no other test uses; what is under it is forgotten."""
    found = f"{address}/{request.node.originalname.replace('_', '-')}:1"
    yield found
    for image in engine.images.list(found.rpartition(":")[0]):
        engine.images.remove(image.id, force=True)


def fetched(engine, image, pull="missing", heard=None):
    return present(engine, image, pull, Event(), heard or Heard())


def test_a_deployment_of_an_image_that_is_not_here_tells_how_it_comes_and_runs_it(engine, name):
    small_image(engine, name, FILES)
    digest = pushed(engine, name)
    news = []
    deployment = Deployment(uses=f"docker://{name}", name="shelf", volumes=programs(), networks="none")
    with deployment.start(progress=news.append):
        answer = deployment.post("/", Said(text="a book"), return_type=DocList[Said])
        assert answer[0].text == "a book of the shelf"
        said = [line.text for line in deployment._session.history.last(100) if line.process == "shelf/0"]
    assert said[0] == f"fetching {name}"
    assert said[1].startswith(f"{name} is {digest}, looked for in ")
    ways = [each for each in news if each.message.startswith(f"fetching {name}: ")]
    assert [each.name for each in ways[:1]] == ["shelf"]


def test_a_tag_that_has_changed_is_fetched_anew_only_where_that_is_asked_for(engine, name):
    second = small_image(engine, name, {"it": "is new"})
    pushed(engine, name)
    first = small_image(engine, name, {"it": "is old"})
    assert [fetched(engine, name, pull).id for pull in ("missing", "never")] == [first, first]
    assert fetched(engine, name, "always").id == second
    assert fetched(engine, name).id == second


def test_a_digest_names_what_its_tag_no_longer_does(engine, name):
    first = small_image(engine, name, {"it": "is old"})
    digest = pushed(engine, name)
    small_image(engine, name, {"it": "is new"})
    pushed(engine, name)
    bare = name.rpartition(":")[0]
    assert [fetched(engine, f"{each}@{digest}").id for each in (bare, name)] == [first, first]


def test_without_a_tag_the_latest_is_meant(engine, name):
    bare = name.rpartition(":")[0]
    first = small_image(engine, f"{bare}:latest", {"it": "is the latest"})
    pushed(engine, f"{bare}:latest")
    assert fetched(engine, bare).id == first


def test_what_the_registry_does_not_have_is_told(engine, name):
    with pytest.raises(StartupFailed, match=rf"the image '{name}' could not be fetched: manifest .* not found"):
        fetched(engine, name)


def test_always_fails_where_the_registry_is_gone_though_the_image_is_here(engine):
    name = "127.0.0.1:9/gone:1"
    first = small_image(engine, name, {"it": "is here"})
    try:
        with pytest.raises(StartupFailed, match=r"could not be fetched: .* refused"):
            fetched(engine, name, "always")
        assert fetched(engine, name).id == first
    finally:
        engine.images.remove(name, force=True)


def test_who_gives_up_stops_listening(engine, name):
    small_image(engine, name, {"it": "comes"})
    pushed(engine, name)
    given_up = Event()
    given_up.set()
    with pytest.raises(Cancelled):
        present(engine, name, "missing", given_up, Heard())


def test_a_private_registry_asks_for_what_docker_login_has_written(engine, tmp_path, monkeypatch):
    auth = {"username": USER, "password": PASSWORD}
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with registry(tmp_path, private=True) as address:
        name = f"{address}/shelf:1"
        first = small_image(engine, name, {"it": "is private"})
        pushed(engine, name, auth)
        with pytest.raises(StartupFailed, match=f"no basic auth credentials. Log in with `docker login {address}`"):
            fetched(engine, name)
        logged_in(tmp_path, address)
        client = connect(engine_socket(os.environ))
        try:
            assert fetched(client, name).id == first
        finally:
            client.images.remove(name, force=True)
            client.close()
