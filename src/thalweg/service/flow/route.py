"""What stands behind each step of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from thalweg.graph import ENTRY, Plan, Step
from thalweg.message.handler import UnaryHandler
from thalweg.service.flow.asides import Asides, Overheard
from thalweg.service.flow.conditions import Conditional
from thalweg.service.steps.passing import Passing


class FlowRoute(NamedTuple):
    """A plan, and what it is run on."""

    plan: Plan
    handlers: Mapping[str, UnaryHandler]
    chain: bool
    """Whether it is a chain with at least one step."""
    short: bool
    """Whether it is one in which nobody streams, so that a request may be submitted."""
    entrance: Overheard | None
    """Where floating Executors read what comes from outside."""
    only: UnaryHandler | None
    """What stands behind the one step, where there is just one."""


def route(plan: Plan, pools: Mapping[str, UnaryHandler], asides: Asides) -> FlowRoute:
    """`plan` over `pools`, by name of Executor; what nobody waits for is kept among `asides`."""
    listening: dict[str, list[tuple[str, UnaryHandler]]] = {}
    for aside in plan.asides:
        listening.setdefault(aside.source, []).append((aside.step.name, _handler(aside.step, pools)))
    handlers: dict[str, UnaryHandler] = {}
    for step in plan.steps:
        handler = _handler(step, pools)
        readers = listening.get(step.name)
        handlers[step.name] = handler if readers is None else Overheard(handler, readers, asides)
    entrance = Overheard(_NOTHING, listening[ENTRY], asides) if ENTRY in listening else None
    chain = plan.chain and bool(plan.steps)
    short = chain and entrance is None and not any(step.streaming for step in plan.steps)
    only = handlers[plan.steps[0].name] if len(plan.steps) == 1 else None
    return FlowRoute(plan, handlers, chain, short, entrance, only)


_NOTHING = Passing()


def _handler(step: Step, pools: Mapping[str, UnaryHandler]) -> UnaryHandler:
    handler = pools[step.name] if step.process else _NOTHING
    return handler if step.when is None else Conditional(handler, step)
