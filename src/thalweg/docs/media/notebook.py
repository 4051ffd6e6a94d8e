"""Media shown in a notebook."""

from __future__ import annotations

import sys
import warnings
from base64 import b64encode
from collections.abc import Callable
from importlib import import_module
from typing import Any

from thalweg.docs.extras import load_extra

Encode = Callable[[], bytes]
"""Makes the encoded bytes, once it is known that somebody will see them."""


def show_image(encode: Encode) -> None:
    """Show a picture in a format that browsers know."""
    ipython = _notebook()
    if ipython is not None:
        ipython.display(ipython.Image(data=encode()))


def show_audio(encode: Encode) -> None:
    """Show a player of sound in a format that browsers know."""
    ipython = _notebook()
    if ipython is not None:
        ipython.display(ipython.Audio(data=encode()))


def show_video(encode: Encode) -> None:
    """Show a player of a film in a format that browsers know."""
    ipython = _notebook()
    if ipython is not None:
        ipython.display(ipython.Video(data=b64encode(encode()).decode(), embed=True, mimetype="video/mp4"))


def show_mesh(vertices: Any, faces: Any) -> None:
    """Show a mesh that can be turned: vertices (n, 3) and triangles (m, 3)."""
    ipython = _notebook()
    if ipython is not None:
        trimesh = load_extra("trimesh", "mesh", "Meshes")
        _show_scene(ipython, trimesh.Trimesh(vertices=vertices, faces=faces, process=False))


def show_points(points: Any, colors: Any = None) -> None:
    """Show points (n, 3) that can be turned, with their colours (n, 3) or (n, 4) where there are any."""
    ipython = _notebook()
    if ipython is not None:
        trimesh = load_extra("trimesh", "mesh", "Point clouds")
        _show_scene(ipython, trimesh.PointCloud(vertices=points.reshape(-1, 3), colors=colors))


def _show_scene(ipython: Any, geometry: Any) -> None:
    trimesh = load_extra("trimesh", "mesh", "Meshes")
    ipython.display(load_extra("trimesh.viewer.notebook", "mesh", "Meshes").scene_to_notebook(trimesh.Scene(geometry)))


def _notebook() -> Any:
    """The module `IPython.display` where a notebook asks for it; elsewhere None, after a warning."""
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        warnings.warn("media are displayed in notebooks only; use save() elsewhere", stacklevel=4)
        return None
    return import_module("IPython.display")
