"""Every transport passes the same checks."""

import pytest

from thalweg.testing.conformance import CHECKS, Check, Subject

SUBJECTS = {
    "inprocess": Subject("thalweg.transport.inprocess", "inprocess://", separate=False),
    "grpc": Subject("thalweg.transport.grpc", "grpc://127.0.0.1:0"),
    "unix": Subject("thalweg.transport.local", "unix://{folder}/socket"),
    "http": Subject("thalweg.transport.http", "http://127.0.0.1:0", inflight=512),
}
CASES = [
    pytest.param(subject, check, id=f"{name}-{check.name}")
    for name, subject in SUBJECTS.items()
    for check in CHECKS
    if check.applies(subject)
]


@pytest.mark.parametrize("subject,check", CASES)
async def test_transport_conforms(subject: Subject, check: Check) -> None:
    await check(subject)
