"""Bytes that hypothesis makes of sound ones."""

import os
from collections.abc import Sequence

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.docs.fuzzing.targets import Target

EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
"""How many are tried, where that is not to be a few."""
TOKENS = [
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"null",
    b"-1",
    b"1e999",
    b"NaN",
    b"\xff",
    b"\xff" * 8,
    b"\\ud800",
    b"\0" * 4,
]


def steady(few: int) -> settings:
    """`few` examples, always the same, or as many as are asked for."""
    return settings(
        max_examples=EXAMPLES or few,
        derandomize=not EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@st.composite
def hostile(draw: st.DrawFn, target: Target, tokens: Sequence[bytes] = TOKENS) -> bytes:
    """Sound bytes that were cut off, changed or put together; or any bytes."""
    if not draw(st.integers(0, 7)):
        return draw(st.binary(max_size=80))
    data = bytearray(draw(st.sampled_from(target.seeds)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        end = at + draw(st.sampled_from([0, 0, 1, 1, 2, 4, 8, len(data)]))
        other = draw(st.sampled_from(target.seeds))
        start = draw(st.integers(0, len(other)))
        spliced = other[start : start + draw(st.integers(0, 40))]
        data[at:end] = draw(st.binary(max_size=6) | st.sampled_from(tokens) | st.just(spliced))
    return bytes(data)
