"""Meshes and point clouds: read, sampled, refused."""

import base64
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thalweg.docs.documents import PointsAndColors, VerticesAndFaces
from thalweg.docs.media.mesh import read_mesh, read_points
from thalweg.docs.typing import Mesh3DUrl, PointCloud3DUrl
from thalweg.errors import MissingDependency

trimesh: Any = pytest.importorskip("trimesh")

BOX = trimesh.creation.box()
BALL = trimesh.creation.icosphere(subdivisions=1).apply_translation([5, 0, 0])


def exported(geometry: Any, kind: str) -> bytes:
    data = geometry.export(file_type=kind)
    return data.encode() if isinstance(data, str) else bytes(data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for kind in ("obj", "ply", "glb", "stl", "off"):
        (tmp_path / f"box.{kind}").write_bytes(exported(BOX, kind))
    for name, data in BOX.export(file_type="gltf").items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "two.glb").write_bytes(exported(trimesh.Scene([BOX, BALL]), "glb"))
    colours = np.tile(np.arange(50, dtype=np.uint8)[:, None], (1, 4))
    cloud = trimesh.PointCloud(np.arange(150).reshape(50, 3) / 150, colors=colours)
    (tmp_path / "cloud.ply").write_bytes(exported(cloud, "ply"))
    (tmp_path / "cloud.xyz").write_bytes(exported(cloud, "xyz"))
    return tmp_path


@pytest.mark.parametrize("name", ["box.obj", "box.ply", "box.glb", "box.stl", "box.off", "model.gltf"])
def test_a_mesh_comes_back_as_it_was(folder: Path, name: str) -> None:
    mesh = read_mesh(str(folder / name))
    assert (mesh.vertices.shape, mesh.faces.shape) == ((8, 3), (12, 3))
    assert (mesh.vertices.dtype.kind, mesh.faces.dtype.kind) == ("f", "i")
    assert type(mesh.vertices) is type(mesh.faces) is np.ndarray
    assert trimesh.Trimesh(mesh.vertices, mesh.faces).volume == pytest.approx(1)
    assert read_mesh((folder / name).as_uri()).faces.shape == (12, 3)


@pytest.mark.parametrize("kind", ["glb", "ply", "off", "obj"])
def test_the_first_bytes_tell_the_format_where_no_extension_does(folder: Path, kind: str) -> None:
    data = (folder / f"box.{kind}").read_bytes()
    (folder / "box").write_bytes(data)
    assert read_mesh(str(folder / "box")).faces.shape == (12, 3)
    assert read_mesh(f"data:;base64,{base64.b64encode(data).decode()}").faces.shape == (12, 3)


def test_several_meshes_become_one(folder: Path) -> None:
    mesh = read_mesh(str(folder / "two.glb"))
    assert len(mesh.faces) == len(BOX.faces) + len(BALL.faces)
    assert mesh.vertices.max() == pytest.approx(6)


def test_points_of_a_surface(folder: Path) -> None:
    found = read_points(str(folder / "box.obj"), 100)
    assert found.points.shape == (100, 3)
    assert found.colors is None
    assert np.abs(found.points).max(axis=1) == pytest.approx(np.full(100, 0.5))
    assert read_points(str(folder / "two.glb"), 100).points.shape == (100, 3)
    apart = read_points(str(folder / "two.glb"), 100, multiple_geometries=True).points
    assert apart.shape == (2, 100, 3)
    assert sorted(apart[:, :, 0].max(axis=1) > 1) == [False, True]


@pytest.mark.parametrize("samples", [20, 50, 80])
def test_points_of_a_cloud_keep_their_colours(folder: Path, samples: int) -> None:
    found = read_points(str(folder / "cloud.ply"), samples)
    assert (found.points.shape, found.colors.shape, found.colors.dtype) == ((samples, 3), (samples, 4), np.uint8)
    assert found.colors[:, 0] == pytest.approx(found.points[:, 0] * 50)
    assert len(np.unique(found.points, axis=0)) == min(samples, 50) or samples > 50
    assert read_points(str(folder / "cloud.xyz"), samples).points.shape == (samples, 3)


def packed(name: str, size: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, bytes(size))
    return stream.getvalue()


@pytest.mark.parametrize(
    "name, data, reason",
    [
        ("bad.obj", b"", "There (is no mesh|are no points) in"),
        ("bad.glb", b"xx", "no glb file that trimesh reads"),
        ("bad.ply", b"ply\nformat ascii 1.0\nelement vertex 100000000000\nend_header\n", "no ply file"),
        ("bad.3mf", b"PK", "is a broken archive"),
        ("bad.3mf", packed("3D/3dmodel.model", 1 << 24), "holds more than 1,000,000 bytes"),
        ("bad.fbx", b"x", "no fbx file"),
        ("bad.gltf", b"{", "it is no glTF"),
        ("bad", b"river", "its bytes do not tell"),
    ],
)
def test_what_is_no_mesh(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(data)
    for read in (read_mesh, lambda path, max_bytes: read_points(path, 10, max_bytes=max_bytes)):
        with pytest.raises(ValueError, match=reason):
            read(str(tmp_path / name), max_bytes=1_000_000)


@pytest.mark.parametrize("name", ["../secret.bin", "/etc/passwd", "http://127.0.0.1/x.bin", "file:///etc/passwd"])
def test_files_elsewhere_are_never_read(folder: Path, name: str) -> None:
    (folder / "below").mkdir()
    data = (folder / "model.gltf").read_bytes().replace(b"gltf_buffer_0.bin", name.encode())
    (folder / "below" / "model.gltf").write_bytes(data)
    with pytest.raises(ValueError, match="which is not beside it"):
        read_mesh(str(folder / "below" / "model.gltf"))


def test_urls_give_documents(folder: Path) -> None:
    mesh = Mesh3DUrl(str(folder / "box.obj")).load()
    assert type(mesh) is VerticesAndFaces
    assert mesh.vertices.shape == (8, 3)
    assert Mesh3DUrl(str(folder / "box.obj")).load(trimesh_args={"process": False}).faces.shape == (12, 3)
    points = PointCloud3DUrl(str(folder / "box.obj")).load(samples=7)
    assert type(points) is PointsAndColors
    assert points.points.shape == (7, 3)
    with pytest.raises(FileNotFoundError):
        Mesh3DUrl(str(folder / "nowhere.obj")).load()
    with pytest.raises(ValueError, match="more than 10 bytes"):
        Mesh3DUrl(str(folder / "box.obj")).load(max_bytes=10)


def test_without_trimesh(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "trimesh", None)
    with pytest.raises(MissingDependency, match=r"pip install 'thalweg\[mesh\]'"):
        Mesh3DUrl(str(folder / "box.obj")).load()
