"""The model that every contestant of the batching benchmark runs: 5 ms for a call and 0.2 ms for each document in it.

It sleeps, as a thread does that waits for an accelerator: without the processor and without the interpreter.
"""

import time
from uuid import uuid4

CALL_SECONDS = 0.005
DOCUMENT_SECONDS = 0.0002
BATCH = 32
WAIT_SECONDS = 0.010
"""What each contestant is told: the largest batch, and how long the first of it waits for company."""


def capitals(texts: list[str]) -> list[str]:
    """What becomes of a batch, after as long as the model takes for it."""
    time.sleep(CALL_SECONDS + DOCUMENT_SECONDS * len(texts))
    return [text.upper() for text in texts]


def ideal_rate(batch: int = BATCH) -> float:
    """Documents a second where full batches follow each other without a gap."""
    return batch / (CALL_SECONDS + DOCUMENT_SECONDS * batch)


def new_id() -> str:
    return uuid4().hex
