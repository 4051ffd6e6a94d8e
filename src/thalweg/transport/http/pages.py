"""What is shown to people: files of the user, and Swagger UI, whose files a package brings along."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

SWAGGER_PACKAGE = "mkdocs_swagger_ui_tag"
"""The one package that ships a current Swagger UI and needs no web framework; only its files are used, never its code."""
SWAGGER_FILES = ("swagger-ui-bundle.js", "swagger-ui.css")
DOCS = "/docs/"
INDEX = "index.html"

_DOCS_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title}</title>
  <link rel="stylesheet" href="docs/swagger-ui.css">
  <link rel="icon" href="data:,">
</head>
<body>
  <div id="documentation"></div>
  <script src="docs/swagger-ui-bundle.js"></script>
  <script>
    SwaggerUIBundle({{
      url: "openapi.json", dom_id: "#documentation", deepLinking: true, validatorUrl: null, tryItOutEnabled: true
    }});
  </script>
</body>
</html>
"""


class Page(NamedTuple):
    """A whole page."""

    content_type: str
    body: bytes
    status: int = 200


def find_file(pages: Mapping[str, Path], path: str) -> Path | None:
    """The file that `pages` shows at `path`, never one outside of their folders; a folder shows its `index.html`."""
    exact = pages.get(path)
    if exact is not None and exact.is_file():
        return exact
    for shown in sorted(pages, key=len, reverse=True):
        folder, prefix = pages[shown], shown.rstrip("/") + "/"
        if (path + "/").startswith(prefix) and folder.is_dir():
            found = _inside(folder, path[len(prefix) :])
            if found is not None:
                return found
    return None


def _inside(folder: Path, rest: str) -> Path | None:
    if "\0" in rest:
        return None
    root = folder.resolve()
    try:
        found = (root / rest.lstrip("/")).resolve()
        if found.is_dir():
            found = (found / INDEX).resolve()
        return found if found.is_relative_to(root) and found.is_file() else None
    except OSError:  # a name that no file of this system can have, or a folder that nobody may look into
        return None


def read_page(file: Path) -> Page:
    """The content of `file`, with the type that its name tells."""
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind == "application/javascript":
        kind += "; charset=utf-8"
    return Page(kind, file.read_bytes())


def docs_page(title: str) -> Page:
    """Swagger UI for the `openapi.json` beside it. All that it loads comes from this server."""
    return Page("text/html; charset=utf-8", _DOCS_PAGE.format(title=escape(title)).encode())


def docs_asset(path: str) -> Path | None:
    """The file of Swagger UI that is asked for at `path`."""
    name = path.removeprefix(DOCS)
    return packaged_files(SWAGGER_PACKAGE, SWAGGER_FILES).get(name) if name != path else None


@cache
def packaged_files(package: str, names: tuple[str, ...]) -> dict[str, Path]:
    """Where the files called `names` are that an installed package brings along, by name. Its code is not imported."""
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    found = {file.name: file for folder in folders or () for file in Path(folder).rglob("*") if file.is_file()}
    return {name: found[name] for name in names if name in found}
