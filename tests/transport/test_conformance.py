"""Every transport passes the same checks, on Python's event loop and on the one that our processes run."""

import asyncio
import sys
from dataclasses import replace

import pytest

from thalweg.testing.conformance import CHECKS, Check, Subject

SUBJECTS = {
    "inprocess": Subject("thalweg.transport.inprocess", "inprocess://", separate=False),
    "grpc": Subject("thalweg.transport.grpc", "grpc://127.0.0.1:0"),
    "unix": Subject("thalweg.transport.local", "unix://{folder}/socket"),
    "http": Subject("thalweg.transport.http", "http://127.0.0.1:0", inflight=512),
}
SUBJECTS |= {f"{name}-short": replace(subject, submits=True) for name, subject in SUBJECTS.items() if name != "inprocess"}
CASES = [
    pytest.param(subject, check, id=f"{name}-{check.name}")
    for name, subject in SUBJECTS.items()
    for check in CHECKS
    if check.applies(subject)
]


@pytest.mark.parametrize("subject,check", CASES)
async def test_transport_conforms(subject: Subject, check: Check) -> None:
    await check(subject)


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop is not made for Windows")
@pytest.mark.parametrize("subject,check", CASES)
def test_transport_conforms_on_uvloop(subject: Subject, check: Check) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(check(subject))
