"""BentoML: one service with one worker, or a service that calls another one, each in a process of its own."""

import os
import sys
from pathlib import Path
from uuid import uuid4

import bentoml
from pydantic import BaseModel, Field


class Text(BaseModel):
    id: str = Field(default_factory=lambda: uuid4().hex)
    text: str


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Capitals:
    @bentoml.api(route="/encode", input_spec=Text)
    async def encode(self, **document: str) -> Text:
        return Text(id=document["id"], text=document["text"].upper())


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Exclamation:
    capitals = bentoml.depends(Capitals)

    @bentoml.api(route="/encode", input_spec=Text)
    async def encode(self, **document: str) -> Text:
        capitals = await self.capitals.to_async.encode(**document)
        return Text(id=capitals.id, text=capitals.text + "!")


if __name__ == "__main__":
    from arguments import arguments

    given = arguments()
    served = "Exclamation" if given.topology == "two" else "Capitals"
    here = Path(__file__)
    command = ["-m", "bentoml", "serve", f"{here.stem}:{served}", "--working-dir", str(here.parent)]
    command += ["--host", "127.0.0.1", "--port", str(given.port)]
    os.execv(sys.executable, [sys.executable, *command])
