"""GraphiQL, the page to write queries on. A package brings its files along; all that it loads comes from this server."""

from __future__ import annotations

from html import escape

from thalweg.transport.contract import Serving
from thalweg.transport.http.pages import packaged_files

PACKAGE = "graphene_django_graphiql_static"
"""The one package that ships GraphiQL and needs nothing else; only its files are used, and it has no code to speak of."""
FILES = {
    "react.production.min.js": b"text/javascript; charset=utf-8",
    "react-dom.production.min.js": b"text/javascript; charset=utf-8",
    "graphiql.min.js": b"text/javascript; charset=utf-8",
    "graphiql.min.css": b"text/css; charset=utf-8",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title}</title>
  <link rel="stylesheet" href="{path}/graphiql.min.css">
  <link rel="icon" href="data:,">
  <style>html, body, #graphiql {{ height: 100%; margin: 0; }}</style>
</head>
<body>
  <div id="graphiql">{absent}</div>
  <script src="{path}/react.production.min.js"></script>
  <script src="{path}/react-dom.production.min.js"></script>
  <script src="{path}/graphiql.min.js"></script>
  <script>
    if (window.GraphiQL) {{
      const asked = new URLSearchParams(location.search);
      const page = React.createElement(GraphiQL, {{
        fetcher: GraphiQL.createFetcher({{ url: location.pathname }}),
        query: asked.get("query") || undefined,
        variables: asked.get("variables") || undefined,
        shouldPersistHeaders: false,
      }});
      const place = document.getElementById("graphiql");
      ReactDOM.createRoot ? ReactDOM.createRoot(place).render(page) : ReactDOM.render(page, place);
    }}
  </script>
</body>
</html>
"""
_ABSENT = "This page needs the files of GraphiQL: pip install 'thalweg[graphql]'"


def page(serving: Serving, path: str) -> bytes:
    """The page itself."""
    title = serving.title or serving.describe().name
    absent = "" if packaged_files(PACKAGE, tuple(FILES)) else escape(_ABSENT)
    return _PAGE.format(title=escape(title), path=escape(serving.root_path + path), absent=absent).encode()


def asset(name: str) -> tuple[bytes, bytes] | None:
    """Content type and content of a file of the page; None where there is none of that name."""
    file = packaged_files(PACKAGE, tuple(FILES)).get(name)
    return (FILES[name], file.read_bytes()) if file is not None else None
