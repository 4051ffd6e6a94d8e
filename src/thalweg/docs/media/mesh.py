"""Meshes and point clouds, read by trimesh."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit
from zipfile import BadZipFile, ZipFile

import numpy as np

from thalweg.docs.extras import load_extra
from thalweg.docs.media.address import check_size, scheme_of, shown
from thalweg.docs.media.fetching import MAX_BYTES, SECONDS, fetch

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class Mesh(NamedTuple):
    """Vertices (n, 3) and triangles (m, 3), numbers of three vertices each."""

    vertices: Array
    faces: Array


class Points(NamedTuple):
    """Points (n, 3), or (geometries, n, 3), and their colours (n, 4) as RGBA, `uint8`, where there are any."""

    points: Array
    colors: Array | None


def read_mesh(
    address: str,
    skip_materials: bool = True,
    trimesh_args: dict[str, Any] | None = None,
    timeout: float | None = SECONDS,
    max_bytes: int = MAX_BYTES,
) -> Mesh:
    """The mesh at an address: OBJ, PLY, GLB, glTF, STL, OFF, or whatever else trimesh reads; several are joined into one.

    Args:
        address: an address or a path; see `fetch`. Its extension says the format, or the first bytes where it has none.
            What the file refers to is read from beside it and never from elsewhere.
        skip_materials: leave out textures, and the files that they are in.
        trimesh_args: more arguments of `trimesh.load`.
        timeout: seconds for each file.
        max_bytes: of each file.

    Raises:
        ValueError: trimesh does not read it, or there is no mesh in it.
        MissingDependency: trimesh is not installed; and what `fetch` raises.
    """
    found = _geometries(address, skip_materials, trimesh_args, timeout, max_bytes)
    meshes = [geometry for geometry in found if len(getattr(geometry, "faces", ()))]
    if not meshes:
        raise ValueError(f"There is no mesh in {shown(address)}")
    mesh = meshes[0] if len(meshes) == 1 else load_extra("trimesh.util", "mesh", "Meshes").concatenate(meshes)
    return Mesh(np.array(mesh.vertices), np.array(mesh.faces))


def read_points(
    address: str,
    samples: int,
    multiple_geometries: bool = False,
    skip_materials: bool = True,
    trimesh_args: dict[str, Any] | None = None,
    timeout: float | None = SECONDS,
    max_bytes: int = MAX_BYTES,
) -> Points:
    """Points at random: of the surface of meshes, or of the points of a cloud.

    Args:
        address: see `read_mesh`.
        samples: how many points.
        multiple_geometries: `samples` points of each geometry apart, (geometries, samples, 3) and without colours.
        skip_materials: see `read_mesh`.
        trimesh_args: see `read_mesh`.
        timeout: see `read_mesh`.
        max_bytes: see `read_mesh`.

    Raises:
        ValueError: trimesh does not read it, or there are neither meshes nor points in it.
        MissingDependency: trimesh is not installed; and what `fetch` raises.
    """
    found = [
        geometry
        for geometry in _geometries(address, skip_materials, trimesh_args, timeout, max_bytes)
        if len(getattr(geometry, "vertices", ()))
    ]
    if not found:
        raise ValueError(f"There are no points in {shown(address)}")
    if multiple_geometries:
        return Points(np.stack([_sample(geometry, samples).points for geometry in found]), None)
    if len(found) == 1:
        return _sample(found[0], samples)
    weights = np.array([max(float(getattr(geometry, "area", 0.0)), 1e-12) for geometry in found])
    shares = np.random.default_rng().multinomial(samples, weights / weights.sum())
    parts = [_sample(geometry, int(share)).points for geometry, share in zip(found, shares, strict=True) if share]
    return Points(np.concatenate(parts) if parts else np.zeros((0, 3)), None)


def _sample(geometry: Any, samples: int) -> Points:
    if len(getattr(geometry, "faces", ())):
        return Points(np.array(geometry.sample(samples)), None)
    points, colors = np.array(geometry.vertices), getattr(geometry, "colors", None)
    rows = np.random.default_rng().choice(len(points), samples, replace=samples > len(points))
    coloured = colors is not None and len(colors) == len(points)
    return Points(points[rows], np.array(colors, np.uint8)[rows] if coloured else None)


def _geometries(
    address: str, skip_materials: bool, options: dict[str, Any] | None, timeout: float | None, max_bytes: int
) -> list[Any]:
    def neighbour(name: str) -> bytes:
        if name == "model.gltf":  # what trimesh looks for where the bytes that it has are none
            raise ValueError("it is no glTF")
        return fetch(_beside(address, name), timeout, max_bytes)

    trimesh = load_extra("trimesh", "mesh", "Meshes")
    data = fetch(address, timeout, max_bytes)
    kind = _format(address, data)
    _check_archive(data, address, max_bytes)
    arguments = {"skip_materials": skip_materials, "resolver": _resolver(neighbour), **(options or {})}
    try:
        scene = trimesh.load_scene(io.BytesIO(data), file_type=kind, **arguments)
        return _placed(scene)
    except (OSError, ImportError):
        raise
    except Exception as error:  # parsers of many formats raise whatever they stumble on
        raise ValueError(f"{shown(address)} is no {kind} file that trimesh reads: {error}") from error


def _placed(scene: Any) -> list[Any]:
    """The geometries of a scene, each where the scene puts it."""
    placed: Iterable[Any] = scene.dump()
    return list(placed)


def _format(address: str, data: bytes) -> str:
    path = "" if scheme_of(address) == "data" else urlsplit(address).path
    _, dot, extension = re.split(r"[/\\]", path)[-1].rpartition(".")
    if dot:
        return extension.lower()
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind
    raise ValueError(f"{shown(address)} has no file extension, and its bytes do not tell what it is")


_STARTS = (
    (b"glTF", "glb"),
    (b"ply\n", "ply"),
    (b"ply\r", "ply"),
    (b"OFF", "off"),
    (b"solid", "stl"),
    (b"{", "gltf"),
    (b"PK", "3mf"),
    (b"v ", "obj"),
    (b"#", "obj"),
)


def _check_archive(data: bytes, address: str, max_bytes: int) -> None:
    """Some formats are archives, a few bytes of which can hold any number of zeros."""
    if not data.startswith(b"PK"):
        return
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            check_size(sum(member.file_size for member in archive.infolist()), address, max_bytes)
    except BadZipFile as error:
        raise ValueError(f"{shown(address)} is a broken archive: {error}") from None


def _beside(address: str, name: str) -> str:
    """The address of a file in the same folder, or below it.

    Raises:
        ValueError: the name leads elsewhere.
    """
    parts = re.split(r"[/\\]", name)
    if scheme_of(address) == "data" or scheme_of(name) or not name or "" in parts[:1] or ".." in parts:
        raise ValueError(f"it refers to {shown(name)!r}, which is not beside it")
    head = re.match(r"^[^?#]*[/\\]", address) if scheme_of(address) else re.match(r"^.*[/\\]", address)
    return f"{head[0] if head else ''}{name}"


def _resolver(neighbour: Callable[[str], bytes]) -> Any:
    class Neighbours(load_extra("trimesh.resolvers", "mesh", "Meshes").Resolver):  # type: ignore[misc]
        """Files beside the one that is read."""

        def __init__(self) -> None:
            pass

        def get(self, key: str) -> bytes:
            return neighbour(key)

        def keys(self) -> list[str]:
            return []

        def write(self, name: str, data: bytes) -> None:
            raise ValueError("nothing is written where a mesh is read")

        def namespaced(self, namespace: str) -> Any:
            return _resolver(lambda key: neighbour(f"{namespace}/{key}"))

    return Neighbours()
