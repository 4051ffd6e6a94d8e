"""Make container images for the tests, without a registry.

    python -m scripts.base_image

prints the name of an image with this Python, this Thalweg and what it needs. It is made of the files of this machine: a base
with the interpreter, its libraries and those of Thalweg's core, and on top of it the package itself. Each is kept by the
engine under a tag that says what is in it, and made again only where that has changed. The engine is that of DOCKER_HOST,
else that of the system.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from hashlib import blake2b
from importlib.metadata import Distribution
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import thalweg
from thalweg.orchestration.launchers.docker.engine import connect, engine_socket
from thalweg.orchestration.launchers.environment.core import core

NAME = "thalweg-test"
LIBRARIES = "/usr/lib/thalweg"
"""Where libraries of the core are in the image, found by PYTHONPATH."""
LEFT_OUT = ("site-packages", "dist-packages", "test", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip")
SHELL = ("/bin/sh", "/bin/sleep", "/bin/cat", "/usr/bin/id")
COMMAND = f"#!{os.path.realpath(sys.executable)}\nfrom thalweg.cli.main import main\n\nmain()\n"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def image(client: Any) -> str:
    """The name of the image, made where there is none yet."""
    base = _base(client)
    package = Path(thalweg.__file__).parent
    files = sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    state = blake2b(base.encode(), digest_size=8)
    for path in files:
        state.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes())
    tag = f"{NAME}:{state.hexdigest()}"
    if not client.images.list(tag):
        instructions = [
            f"FROM {base}",
            f"COPY thalweg {LIBRARIES}/thalweg",
            "COPY command /usr/local/bin/thalweg",
            "WORKDIR /executor",
            'ENTRYPOINT ["thalweg", "executor", "--uses", "config.yml"]',
        ]
        code = [Path(cache_from_source(path)) for path in files if path.suffix == ".py"]
        contents = {
            f"thalweg/{path.relative_to(package)}": (path.read_bytes(), path.stat().st_mtime)
            for path in (*files, *code)
            if path.exists()
        }
        texts = {"command": COMMAND, "Dockerfile": "\n".join(instructions)}
        built(client, tag, {**contents, **{name: (text.encode(), 0.0) for name, text in texts.items()}})
    return tag


def built(client: Any, tag: str, files: dict[str, tuple[bytes, float]]) -> None:
    """Build an image from these files, a Dockerfile among them: what each holds, and since when."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, (content, changed) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o755, int(changed)
            archive.addfile(entry, io.BytesIO(content))
    context.seek(0)
    client.images.build(fileobj=context, custom_context=True, tag=tag, rm=True, forcerm=True)


def _base(client: Any) -> str:
    """The image with the interpreter and the libraries."""
    libraries = [each for each in core() if each.metadata["Name"] != "thalweg"]
    versions = [sys.version, *(f"{each.metadata['Name']} {each.version}" for each in libraries)]
    tag = f"{NAME}-base:{blake2b(chr(0).join(versions).encode(), digest_size=8).hexdigest()}"
    if not client.images.list(tag):
        stream = subprocess.Popen(
            [sys.executable, "-m", "scripts.base_image", "--archive"], stdout=subprocess.PIPE, env=os.environ
        )
        assert stream.stdout is not None
        with stream, stream.stdout as archive:
            changes = [f"ENV PATH={PATH}", f"ENV PYTHONPATH={LIBRARIES}", "ENV LANG=C.UTF-8"]
            repository, _, version = tag.partition(":")
            client.api.import_image_from_stream(archive, repository=repository, tag=version, changes=changes)
        if stream.returncode:
            raise SystemExit(f"The files of the image could not be put together: exit code {stream.returncode}.")
    return tag


def write_archive(file: Any) -> None:
    """Write the files of the base image as a tar."""
    with tarfile.open(fileobj=file, mode="w|") as archive:
        interpreter = os.path.realpath(sys.executable)
        placed: set[str] = set()
        for source, target in _files(interpreter):
            if target not in placed:
                placed.add(target)
                archive.add(source, target.lstrip("/"), recursive=False, filter=_anybodys)
        for folder, mode in (("tmp", 0o1777), ("executor", 0o755), ("usr/local/bin", 0o755)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            archive.addfile(entry)
        link = tarfile.TarInfo("usr/bin/python")
        link.type, link.linkname = tarfile.SYMTYPE, interpreter
        archive.addfile(link)


def _anybodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Readable for every user in the container."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode |= 0o555 if entry.mode & 0o100 or entry.isdir() else 0o444
    return entry


def _files(interpreter: str) -> Iterator[tuple[str, str]]:
    """Files of this machine, and where they are in the image."""
    standard = Path(sysconfig.get_path("stdlib"))
    programs = [interpreter, *(os.path.realpath(path) for path in SHELL if os.path.exists(path))]
    modules = [str(path) for path in standard.joinpath("lib-dynload").glob("*.so")]
    mine = [item for each in core() for item in _distribution(each)]
    natives = [source for source, _ in mine if ".so" in os.path.basename(source)]
    for program in (*programs, *SHELL):
        yield os.path.realpath(program), program
    for library in sorted(_shared(programs + modules + natives)):
        yield os.path.realpath(library), library
    for path in sorted(standard.rglob("*")):
        if path.is_file() and not set(path.parts).intersection(LEFT_OUT):
            yield str(path), str(path)
    yield from mine


def _distribution(each: Distribution) -> Iterator[tuple[str, str]]:
    if each.metadata["Name"] == "thalweg":
        return
    for file in each.files or ():
        if not file.parts[0].startswith("..") and file.suffix != ".pyc" and "tests" not in file.parts:
            source = str(each.locate_file(file))
            code = cache_from_source(source) if file.suffix == ".py" else ""
            if os.path.isfile(source):
                yield source, f"{LIBRARIES}/{file}"
            if os.path.isfile(code):
                yield code, f"{LIBRARIES}/{file.parent}/__pycache__/{os.path.basename(code)}"


def _shared(binaries: list[str]) -> set[str]:
    """The libraries of the system that `binaries` load."""
    found: set[str] = set()
    said = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=False).stdout
    for line in said.splitlines():
        path = next((word for word in line.split() if word.startswith("/") and not word.endswith(":")), "")
        if path and "site-packages" not in path and os.path.isfile(path):
            found.add(path)
    return found


if __name__ == "__main__":
    if "--archive" in sys.argv:
        write_archive(sys.stdout.buffer)
    else:
        sys.stdout.write(f"{image(connect(engine_socket(os.environ)))}\n")
