"""Jina's YAML."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from thalweg.compat.excepts import BadConfigSource
from thalweg.compat.yamls import is_yaml, read_yaml, substituted

ENVIRONMENT = {"NAME": "river", "COUNT": "3", "LIST": "[1, 2]", "YES": "true"}


@pytest.mark.parametrize(
    "text,expected",
    [
        ("${{ ENV.NAME }}", "river"),
        ("${{ env.COUNT }}", 3),
        ("${{ENV.LIST}}", [1, 2]),
        ("${{ ENV.YES }}", True),
        ("${{ ENV.NOPE }}", "$NOPE"),
        ("a ${{ ENV.NAME }} b", "a river b"),
        ("$NAME", "river"),
        ("${COUNT}", 3),
        ("$NOPE", "$NOPE"),
        ("${{ CONTEXT.size }}", 7),
        ("${{ size }}", 7),
        ("${{ CONTEXT.zz }}", "$$zz"),
        ("${{root.deep.list[1]}}", "second"),
        ("${{this.other}}", "beside"),
        ("${{root.deep.nothing}}", "${{root.deep.nothing}}"),
        ("costs 5 $", "costs 5 $"),
    ],
)
def test_a_reference_is_filled_in(text: str, expected: Any) -> None:
    data = {"deep": {"list": ["first", "second"]}, "here": {"value": text, "other": "beside"}}
    assert substituted(data, {"size": 7}, ENVIRONMENT)["here"]["value"] == expected


def test_a_reference_may_stand_in_what_another_one_means() -> None:
    data = {"a": "${{root.b}}", "b": "${{ ENV.NAME }}"}
    assert substituted(data, {}, ENVIRONMENT) == {"a": "river", "b": "river"}


def test_tags_name_a_class() -> None:
    assert read_yaml("!Flow\nexecutors:\n  - uses: !Mine {with: {on: off}}").data == {
        "jtype": "Flow",
        "executors": [{"uses": {"jtype": "Mine", "with": {"on": "off"}}}],
    }


def test_nothing_is_made_of_a_tag_of_pythons() -> None:
    with pytest.raises(BadConfigSource):
        read_yaml("a: !!python/object/apply:os.system ['true']")


def test_it_is_read_from_files_too(tmp_path: Path) -> None:
    file = tmp_path / "flow.yml"
    file.write_text("jtype: Flow\nname: $NAME")
    assert read_yaml(str(file)).folder == tmp_path
    with file.open() as opened:
        assert read_yaml(opened, substitute=False).data == {"jtype": "Flow", "name": "$NAME"}
    assert read_yaml(io.StringIO('{"jtype": "Flow"}')).data == {"jtype": "Flow"}


@pytest.mark.parametrize("source", ["nothing.yml", "just words", "- a\n- list"])
def test_what_is_none_is_refused(source: str) -> None:
    with pytest.raises(BadConfigSource):
        read_yaml(source)


@pytest.mark.parametrize(
    "source,expected",
    [("!Mine", True), ("jtype: Mine", True), ("a/b.yml", True), ({}, True), ("Mine", False), (int, False)],
)
def test_yaml_is_told_from_names(source: Any, expected: bool) -> None:
    assert is_yaml(source) is expected
