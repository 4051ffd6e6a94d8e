"""The suite finds what a transport does wrong. That those that are right pass it is shown with the transports."""

import subprocess
import sys
from collections.abc import AsyncGenerator
from types import ModuleType

import pytest

from thalweg.config import Limits
from thalweg.message import Context, Request, Response
from thalweg.testing.conformance import CHECKS, Subject, check_transport
from thalweg.transport import inprocess
from thalweg.transport.contract import Channel, Server, Serving
from thalweg.transport.inprocess import InProcessChannel

RIGHT = Subject("thalweg.transport.inprocess", "inprocess://", separate=False)


class ForgetfulChannel(InProcessChannel):
    """Loses parameters on the way, and the last item of longer streams."""

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        items = [item async for item in super().handle(request, context)]
        for item in items[:900]:
            yield Response(item.body, item.content_type)


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> Subject:
    module = ModuleType("forgetful_transport")

    def server(address: str, serving: Serving) -> Server:
        return inprocess.server(address, serving)

    def channel(address: str, limits: Limits) -> Channel:
        return ForgetfulChannel(address, limits)

    vars(module).update(server=server, channel=channel)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return Subject(module.__name__, "inprocess://", separate=False)


@pytest.mark.parametrize(
    "name",
    [
        "an_answer_carries_parameters_and_a_content_type",
        "a_stream_keeps_its_order",
        "items_arrive_when_they_are_made",
    ],
)
async def test_a_check_fails_where_the_transport_does_wrong(
    forgetful: Subject, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thalweg.testing.conformance.exchange.PATIENCE_SECONDS", 0.1)
    (check,) = (check for check in CHECKS if check.name == name)
    with pytest.raises((AssertionError, TimeoutError)):
        await check(forgetful)


async def test_all_findings_come_together_and_name_their_checks(
    forgetful: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"an_answer_carries_parameters_and_a_content_type", "a_stream_keeps_its_order", "a_stream_may_be_empty"}
    monkeypatch.setattr(
        "thalweg.testing.conformance.subject.CHECKS", [check for check in CHECKS if check.name in wanted]
    )
    with pytest.raises(ExceptionGroup) as caught:
        await check_transport(forgetful)
    notes = {note for error in caught.value.exceptions for note in error.__notes__}
    assert notes == {f"in the check {name}" for name in wanted - {"a_stream_may_be_empty"}}


def test_checks_have_names_of_their_own() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    assert len(names) > 50


def test_checks_of_two_processes_do_not_apply_to_one() -> None:
    assert {check.applies(RIGHT) for check in CHECKS if check.separate} == {False}


def test_the_suite_needs_no_test_framework() -> None:
    program = (
        "import sys, thalweg.testing.conformance\n"
        "print([m for m in sys.modules if m.startswith(('pytest', '_pytest'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
