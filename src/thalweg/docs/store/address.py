"""From what a user calls a collection to the location where it lies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from thalweg.docs.extras import load_extra
from thalweg.docs.media.address import scheme_of, shown
from thalweg.docs.store.location import LocalFile, Location
from thalweg.errors import MissingDependency

CACHE = ("THALWEG_CACHE", "DOCARRAY_CACHE")
"""Environment variables that name the folder for collections with a bare name; the first that is set counts."""


def cache_folder() -> Path:
    """The folder for collections with a bare name, and for copies of what was pulled: `~/.cache/thalweg` unless said."""
    named = next((os.environ[name] for name in CACHE if os.environ.get(name)), None)
    return Path(named) if named else Path.home() / ".cache" / "thalweg"


def location_of(url: str, options: dict[str, Any], folder: bool = False) -> Location:
    """Where the collection `url` lies, or the folder of collections where `folder` is True.

    Args:
        url: an address that fsspec knows, `file://` and a path, or a path. A path that begins with neither `/`, `~` nor `.`
            is a name in `cache_folder()`.
        options: what fsspec's filesystem takes, such as `endpoint_url` of S3.
        folder: whether it is a folder, which may have no name of its own.

    Raises:
        ValueError: it has no name, leads out of the folder it begins in, or begins with something that nobody knows.
        MissingDependency: the library for such addresses is not installed.
    """
    scheme = scheme_of(url)
    if scheme in ("", "file"):
        if options:
            raise TypeError(f"{shown(url)} is a file, for which there is no {', '.join(map(repr, sorted(options)))}")
        return LocalFile(_local(url.removeprefix("file://"), url, folder), shown(url))
    return _remote(url, scheme, options, folder)


def _local(name: str, url: str, folder: bool) -> Path:
    if "\0" in name or (not folder and (not name or name[-1] in "/\\" or Path(name).name in ("", ".", ".."))):
        raise ValueError(f"{shown(url)!r} does not end with the name of a collection")
    path = Path(os.path.expanduser(name))
    if path.is_absolute() or name.startswith("."):
        return path
    _check_inside(name, url)
    return cache_folder() / path


def _remote(url: str, scheme: str, options: dict[str, Any], folder: bool) -> Location:
    from thalweg.docs.store.remote import RemoteObject

    name = url.partition("://")[2]
    if not folder and (not name.strip("/") or name.endswith("/")):
        raise ValueError(f"{shown(url)!r} does not end with the name of a collection")
    if "::" in url:
        raise ValueError(f"{shown(url)} joins several addresses by '::', which cannot hold a collection")
    _check_inside(name, url)
    fsspec = load_extra("fsspec", "store", f"Addresses that begin with {scheme}:")
    try:
        filesystem, path = fsspec.url_to_fs(url, **options)
    except ImportError as error:
        extra = "s3" if scheme.startswith("s3") else "store"
        raise MissingDependency(f"{error}: pip install 'thalweg[{extra}]'") from error
    except ValueError as error:
        if scheme in fsspec.available_protocols():
            raise
        raise ValueError(f"{shown(url)} begins with {scheme}:, of which no store is known: {error}") from None
    return RemoteObject(filesystem, path, scheme, shown(url))


def _check_inside(name: str, url: str) -> None:
    if ".." in name.replace("\\", "/").split("/"):
        raise ValueError(f"{shown(url)} leads out of the folder that it begins in")
