"""Write the page of all options out of the models that they are made of, or fail where it is not up to date.

python -m scripts.reference           # write docs/reference/options.md
python -m scripts.reference --check
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from thalweg.config.catalogue import TOPICS, Entry, entries, nested, title, topic
from thalweg.config.spellings import NO_EFFECT, REFUSED, RENAMED, TRANSLATED

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "options.md"
HEAD = """# All options

This page is made of the same models as `thalweg help`, `thalweg serve --help` and the JSON Schema; `make reference`
writes it. What has a link takes options of its own, which stand further down. In Python and YAML an option is called as it
is here; on the command line `max_requests` is `--max-requests`.
"""


def page() -> str:
    """The whole page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield HEAD
    known = nested()
    for name, (where, _) in TOPICS.items():
        yield f"## {name.capitalize()}\n\n{where.rstrip('.')}.\n"
        groups = list(dict.fromkeys(entry.group for entry in topic(name)))
        for group in groups:
            yield f"**{title(group)}**\n"
            yield from _table([entry for entry in topic(name) if entry.group is group], known)
    yield "## Groups of options\n"
    for name, model in known.items():
        yield f"### {name}\n\n{title(model)}.\n"
        yield from _table(entries(model), known)
    yield from _old()


def _table(options: list[Entry], known: object) -> Iterator[str]:
    yield "| option | takes | by default | |"
    yield "| --- | --- | --- | --- |"
    for entry in options:
        default = f"`{entry.default}`" if entry.default else ""
        yield f"| `{entry.name}` | {_kind(entry)} | {default} | {_cell(entry.text)} |"
    yield ""


def _kind(entry: Entry) -> str:
    if entry.model is None:
        return _cell(entry.kind)
    name = entry.model.__name__
    return _cell(entry.kind).replace(name, f"[{name}](#{name.lower()})")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _old() -> Iterator[str]:
    yield "## Words of Jina\n"
    yield "What Jina calls otherwise is understood, and told with a `DeprecationWarning`.\n"
    yield "| Jina | here |"
    yield "| --- | --- |"
    for old, new in RENAMED.items():
        yield f"| `{old}` | `{new}` |"
    for old, translation in TRANSLATED.items():
        yield f"| `{old}` | {translation.ours} |"
    yield "| `ssl_certfile`, `ssl_keyfile` | `tls` with `certfile` and `keyfile` in it |"
    for reasons, verb in ((NO_EFFECT, "has no effect"), (REFUSED, "is refused")):
        for why in dict.fromkeys(reasons.values()):
            names = ", ".join(f"`{name}`" for name in reasons if reasons[name] == why and name not in TRANSLATED)
            if names:
                yield f"| {names} | {verb}: {why} |"
    yield ""


def main(words: list[str]) -> int:
    """Write the page, or check it. The exit code."""
    text = page()
    if words == ["--check"]:
        if not PAGE.is_file() or PAGE.read_text("utf-8") != text:
            print(f"{PAGE.name} is not what the options say: run `make reference`.", file=sys.stderr)
            return 1
        return 0
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
