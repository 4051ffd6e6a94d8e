"""A registry of images on this machine, where its server is installed, and images that are a few kilobytes."""

import io
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time
from base64 import b64encode
from contextlib import contextmanager
from pathlib import Path

import pytest

import thalweg

SERVER = "docker-registry"
USER = "keeper"
PASSWORD = "lock and key"
HASHED = "$2b$04$41d.F2q46TbQbVar064O6uCsQ77gpRiZdUqLrgmWlivK8KPdKj6kK"
"""The password, as such a server keeps it."""
RUN = [sys.executable, "-m", "thalweg", "executor", "--uses", "config.yml"]

PATIENCE_SECONDS = 60.0

registries = pytest.mark.skipif(
    shutil.which(SERVER) is None, reason=f"there is no registry to run: apt-get install {SERVER}"
)


@contextmanager
def registry(folder: Path, private: bool = False):
    """The address of a registry with nothing in it. One that is private knows `USER` and `PASSWORD`."""
    settings = {
        "version": "0.1",
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
        "http": {"addr": "127.0.0.1:0"},
    }
    if private:
        (folder / "users").write_text(f"{USER}:{HASHED}\n")
        settings["auth"] = {"htpasswd": {"realm": "images", "path": str(folder / "users")}}
    (folder / "registry.yml").write_text(json.dumps(settings))
    log = folder / "log"
    command = [SERVER, "serve", str(folder / "registry.yml")]
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as server:
        try:
            yield _listening(server, log)
        finally:
            server.kill()


def _listening(server: subprocess.Popen[bytes], log: Path) -> str:
    """Where it listens, once it says so."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until and server.poll() is None:
        found = re.search(r"listening on ([\d.:]+)\W", log.read_text())
        if found:
            return found[1]
        time.sleep(0.02)
    raise AssertionError(f"the registry does not listen: {log.read_text()}")


def logged_in(folder: Path, address: str) -> None:
    """Write into `folder` what `docker login` would."""
    entry = {"auth": b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
    (folder / "config.json").write_text(json.dumps({"auths": {address: entry}}))


def small_image(engine, name: str, files: dict[str, str]) -> str:
    """Give the engine an image of `files` alone; its id. What it needs to run is mounted: see `programs`."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for file, text in files.items():
            entry = tarfile.TarInfo(f"executor/{file}")
            entry.size, entry.mode = len(text.encode()), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    repository, _, tag = name.rpartition(":")
    changes = ["WORKDIR /executor", f"ENTRYPOINT {json.dumps(RUN)}"]
    engine.api.import_image_from_data(content.getvalue(), repository=repository, tag=tag, changes=changes)
    return str(engine.images.get(name).id)


def programs() -> list[str]:
    """Volumes with this Python, this Thalweg and what both need."""
    paths = (sys.executable, sys.base_prefix, sysconfig.get_path("stdlib"), thalweg.__file__, "/usr", "/lib", "/lib64")
    tops = {f"/{Path(path).parts[1]}" for path in paths}
    return [f"{top}:{top}:ro" for top in sorted(tops) if Path(top).exists()]


def pushed(engine, name: str, auth: dict[str, str] | None = None) -> str:
    """Bring an image to its registry, and take it from the engine; its digest."""
    said = list(engine.api.push(name, stream=True, decode=True, auth_config=auth))
    digests = [each["aux"]["Digest"] for each in said if "aux" in each]
    assert digests, said
    engine.images.remove(name, force=True)
    return digests[0]
