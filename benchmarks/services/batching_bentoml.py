"""BentoML: one service with one worker and adaptive batching. Its batched endpoints take and give lists."""

import os
import sys
from pathlib import Path

import bentoml
from batched_model import BATCH, capitals, new_id
from pydantic import BaseModel, Field

LATENCY_MS = 60_000
"""What its batching aims at. With a tight aim it refuses requests with 503 under this load."""


class Text(BaseModel):
    id: str = Field(default_factory=new_id)
    text: str


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Capitals:
    @bentoml.api(route="/encode", batchable=True, max_batch_size=BATCH, max_latency_ms=LATENCY_MS)
    def encode(self, data: list[Text]) -> list[Text]:
        made = capitals([one.text for one in data])
        return [Text(id=one.id, text=text) for one, text in zip(data, made, strict=True)]


if __name__ == "__main__":
    from arguments import arguments

    here = Path(__file__)
    command = ["-m", "bentoml", "serve", f"{here.stem}:Capitals", "--working-dir", str(here.parent)]
    command += ["--host", "127.0.0.1", "--port", str(arguments().port)]
    os.execv(sys.executable, [sys.executable, *command])
