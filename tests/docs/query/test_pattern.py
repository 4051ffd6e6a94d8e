import pytest

from thalweg.docs.query.pattern import LONGEST_PATTERN, check_pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        r"^The",
        r"(\w+\.)+com",
        r"(\d{1,3}\.){3}\d{1,3}",
        r"^[\w.+-]+@[\w-]+\.[\w.]+$",
        r"(?i)hello|world",
        r"(foo|bar|baz)+",
        r"(a|b)*c",
        r"(\d{2})+",
        r"(?P<x>a)(?P=x)+",
        r"(?<!a)b(?=c)",
        r"x{100}",
        r"(?:\w+(?:-\w+)*\s*,\s*)*end",
        r"(a)?(?(1)b|c)",
        r"[^,]*,(?>[^,]*),[^\d\s]*é",
    ],
)
def test_patterns_of_bounded_effort_pass(pattern: str) -> None:
    check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+b",
        r"(a*)*b",
        r"(a|aa)+$",
        r"(\w+\s?)+$",
        r"(?i)([a-z]+)*\d",
        r"(?:a|b|ab)*c",
        r"(?:\d+|[0-9a-f]+)*z",
        r"(\w{1,30})+!",
        r"(?=(a+)+b)c",
        r"(a{1,100}){1,100}b",
        "a?" * 30 + "a" * 30,
        "a*" * 8 + "b",
    ],
)
def test_patterns_that_may_take_forever_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="forever"):
        check_pattern(pattern)


def test_a_pattern_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"cannot read the pattern '\(a'"):
        check_pattern("(a")


@pytest.mark.parametrize(
    "pattern",
    [
        "a" * (LONGEST_PATTERN + 1),
        "ab?" * 300,
        "(" * 400,
        f"(?:{'|'.join(f'[{chr(97 + n % 26)}b]x' for n in range(120))})*",
    ],
)
def test_what_is_too_long_to_be_checked_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        check_pattern(pattern)
