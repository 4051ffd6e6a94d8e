"""What stands between the braces, and what takes its place."""

from __future__ import annotations

from typing import Any

import pytest

from thalweg.config.load import load_flow
from thalweg.config.source import read
from thalweg.config.variables import escaped, has_placeholder
from thalweg.errors import ConfigurationError


def filled(text: str, **context: Any) -> Any:
    flow = load_flow(
        f"x-deep: {{a: {{b: [1, {{c: two}}]}}, on: yes}}\nexecutors:\n- uses: a.b:C\n  name: enc\n"
        f"  uses_with:\n    x: {text}\n    beside: 5\n",
        context=context,
        environment={"A": "one", "N": "8"},
    )
    return flow.executors[0].uses_with["x"]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("'${{root.x-deep.a.b[0]}}'", 1),
        ("'${{ root.x-deep.a.b[1].c }}'", "two"),
        ("'${{root.x-deep.a}}'", {"b": [1, {"c": "two"}]}),
        ("'${{root.executors[0].name}}'", "enc"),
        ("'${{this.beside}}'", 5),
        ("'n${{ this.beside }}n'", "n5n"),
        ("'${{this.absent:-7}}'", "7"),
        ("${{this.absent:-7}}", 7),
        ("'${{ size }}'", 3),
        ("'${{ CONTEXT.size }}'", 3),
        ("'$${{ ENV.A }}'", "${{ ENV.A }}"),
        ("'$$${{ ENV.A }}'", "$${{ ENV.A }}"),
        ("'$${{ ENV.A }} ${{ ENV.A }}'", "${{ ENV.A }} one"),
        ("'${{ ENV.A'", "${{ ENV.A"),
        ("'${{root.x-deep.on}}'", "yes"),
    ],
)
def test_a_reference_is_filled_in(text: str, expected: Any) -> None:
    assert filled(text, size=3) == expected


@pytest.mark.parametrize("text", ["${{ ENV.A }}", "$${{", "a ${{x}} $${{y}} ${{", "$", "$$", "{{ }}"])
def test_what_is_escaped_stays_text(text: str) -> None:
    assert not has_placeholder(escaped(text))
    flow = load_flow({"executors": [{"uses": "a.b:C", "uses_with": {"x": escaped(text)}}]})
    assert flow.executors[0].uses_with["x"] == text


def test_nothing_is_filled_in_where_nothing_should_be() -> None:
    flow = load_flow({"executors": [{"uses": "a.b:C", "uses_with": {"x": "${{ ENV.A }}"}}]}, substitute=False)
    assert flow.executors[0].uses_with["x"] == "${{ ENV.A }}"


@pytest.mark.parametrize("text", ["this.x", "root.x-own.x", "root.x-deep.y"])
def test_a_reference_to_itself_has_an_end(text: str) -> None:
    with pytest.raises(ConfigurationError, match="means itself"):
        read(f"x-deep: {{y: '${{{{root.x-deep.z}}}}', z: '${{{{this.y}}}}'}}\nx-own: {{x: '${{{{{text}}}}}'}}")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a: {b: 1, c: '${{this.b}}'}\nd: {b: 2, e: '${{root.a.c}}'}", {"e": 1, "b": 2}),
        ("d: {b: 2, e: '${{root.a.c}}'}\na: {b: 1, c: '${{this.b}}'}", {"e": 1, "b": 2}),
        ("a: {b: 1, c: {d: ['${{this.b}}'], b: 3}}\nd: {b: 2, e: '${{root.a.c.d[0]}}'}", {"e": 3, "b": 2}),
        ("a: {b: 1, c: '${{this.b}}'}\nd: {b: 2, e: '${{root.a}}'}", {"e": {"b": 1, "c": 1}, "b": 2}),
        (
            "a: {b: '${{root.d.b}}', c: '${{this.b}}'}\nd: {b: '${{root.d.f}}', f: 4, e: '${{root.a.c}}'}",
            {"e": 4, "b": 4, "f": 4},
        ),
        ("a: '${{root.c}}'\nc: {b: 5}\nd: {e: '${{root.a.b}}'}", {"e": 5}),
    ],
    ids=["from there", "whatever comes first", "in a list", "in a mapping", "through three", "through a reference"],
)
def test_what_a_reference_finds_means_what_it_means_where_it_stands(text: str, expected: Any) -> None:
    assert read(text).data["d"] == expected


@pytest.mark.parametrize(
    "text, kept",
    [
        ("'${{ size }}-${{ ENV.A }}'", "3-${{ ENV.A }}"),
        ("'${{ this.beside }}${{ ENV.A }}$${{x}}'", "5${{ ENV.A }}$${{x}}"),
        ("'a ${{ root.executors[0].name }} ${{ ENV.A }} ${{'", "a enc ${{ ENV.A }} $${{"),
    ],
)
def test_beside_what_may_be_secret_the_rest_is_saved_as_text(text: str, kept: str) -> None:
    found = filled(text, size=3)
    assert found.reference == kept
    again = read({"x": kept}, environment={"A": "one"}).data["x"]
    assert again.get_secret_value() == found.get_secret_value()
