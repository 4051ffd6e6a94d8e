import json
import re
from pathlib import Path

import pytest

from thalweg.transport.http.pages import find_file


async def test_the_root_tells_what_is_here(serve) -> None:
    site = await serve(title="River <delta>")
    status, _, body = await site.ask("GET", "/")
    found = json.loads(body)
    assert (status, found["service"]) == (200, "River <delta>")
    assert found["endpoints"]["/count"] == {"description": "Counts.", "streaming": True}
    for link in found["links"].values():
        assert (await site.ask("GET", link))[0] == 200


async def test_a_page_of_the_user_takes_the_root(serve, tmp_path: Path) -> None:
    page = tmp_path / "search.html"
    page.write_text("<h1>größe</h1>", "utf-8")
    site = await serve(pages={"/": page})
    status, headers, body = await site.ask("GET", "/")
    assert (status, headers["content-type"], body.decode()) == (200, "text/html; charset=utf-8", "<h1>größe</h1>")
    assert headers["x-content-type-options"] == "nosniff"
    assert (await site.ask("GET", "/openapi.json"))[0] == 200


async def test_head_tells_the_same_without_the_body(serve) -> None:
    site = await serve()
    _, headers, body = await site.ask("GET", "/healthz")
    status, without, nothing = await site.ask("HEAD", "/healthz")
    assert (status, nothing) == (200, b"")
    assert without["content-length"] == headers["content-length"] == str(len(body))


async def test_health_does_not_depend_on_readiness(serve) -> None:
    ready = False
    site = await serve(ready=lambda: ready)
    assert (await site.ask("GET", "/healthz"))[0] == 200
    status, headers, body = await site.ask("GET", "/readyz")
    assert (status, headers["retry-after"]) == (503, "1")
    assert json.loads(body)["detail"] == "The service is not ready yet."
    assert json.loads(body)["code"] == "unavailable"
    ready = True
    assert (await site.ask("GET", "/readyz"))[0] == 200


async def test_the_documentation_loads_nothing_from_elsewhere(serve) -> None:
    site = await serve(title="<script>")
    status, headers, body = await site.ask("GET", "/docs")
    page = body.decode()
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<title>&lt;script&gt;</title>" in page
    assert "//" not in page.replace("</", "")
    loaded = re.findall(r'(?:src|href)="([^":]+)"', page)
    assert loaded == ["docs/swagger-ui.css", "docs/swagger-ui-bundle.js"]
    for asset in loaded:
        status, headers, content = await site.ask("GET", f"/{asset}")
        assert status == 200
        assert headers["content-type"] in ("text/css; charset=utf-8", "text/javascript; charset=utf-8")
        assert len(content) > 100_000


@pytest.mark.parametrize("path", ["/docs/../pages.py", "/docs/LICENSE", "/docs/plugin.py", "/docs/"])
async def test_nothing_else_of_the_packages_files_is_shown(serve, path: str) -> None:
    site = await serve()
    async with site.wire() as (reader, writer):
        writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("secret")
    shown = tmp_path / "shown"
    (shown / "deep").mkdir(parents=True)
    (shown / "index.html").write_text("index")
    (shown / "deep" / "style.css").write_text("css")
    (shown / "link.txt").symlink_to(tmp_path / "secret.txt")
    return shown


@pytest.mark.parametrize(
    "path,file",
    [
        ("/app", "index.html"),
        ("/app/", "index.html"),
        ("/app/deep/style.css", "deep/style.css"),
        ("/app/deep", None),
        ("/app/missing", None),
        ("/application", None),
        ("/app/../secret.txt", None),
        ("/app/deep/../../secret.txt", None),
        ("/app//etc/passwd", None),
        ("/app/link.txt", None),
        ("/app/\0", None),
        pytest.param("/app/" + "x" * 5000, None, id="long"),
    ],
)
def test_a_folder_shows_its_files_and_no_others(folder: Path, path: str, file: str | None) -> None:
    assert find_file({"/app": folder}, path) == (folder / file if file else None)


def test_the_longest_path_wins(folder: Path) -> None:
    assert find_file({"/": folder, "/deep": folder / "deep"}, "/deep/style.css") == folder / "deep" / "style.css"
    assert find_file({"/": folder, "/one": folder / "index.html"}, "/one") == folder / "index.html"


async def test_files_in_folders_are_served_with_their_types(serve, folder: Path) -> None:
    site = await serve(pages={"/app": folder})
    status, headers, body = await site.ask("GET", "/app/deep/style.css")
    assert (status, headers["content-type"], body) == (200, "text/css; charset=utf-8", b"css")
    async with site.wire() as (reader, writer):
        writer.write(b"GET /app/%2e%2e/secret.txt HTTP/1.1\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
