"""What every transport must do, as checks that anybody can run on a transport of their own.

    subject = Subject("my_package.carrier_pigeon", "pigeon://loft")
    await check_transport(subject)                       # all of them, one after the other
    await check(subject)                                 # or each `check` of `CHECKS` that `applies` as a test of its own

The checks need no test framework. They use `assert`, so Python must not run with `-O`.
"""

from thalweg.testing.conformance import (
    cancellation,
    conversation,
    deadlines,
    exchange,
    failures,
    lifetime,
    payloads,
    pressure,
    submission,
)
from thalweg.testing.conformance.subject import CHECKS, Check, Subject, check_transport

__all__ = [
    "CHECKS",
    "Check",
    "Subject",
    "cancellation",
    "check_transport",
    "conversation",
    "deadlines",
    "exchange",
    "failures",
    "lifetime",
    "payloads",
    "pressure",
    "submission",
]
