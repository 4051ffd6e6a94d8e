"""FastAPI on uvicorn: typed models in one process, with the event loop and the parser in C, and no access log."""

from uuid import uuid4

import uvicorn
from arguments import arguments
from fastapi import FastAPI
from pydantic import BaseModel, Field

application = FastAPI()


class Text(BaseModel):
    id: str = Field(default_factory=lambda: uuid4().hex)
    text: str


@application.post("/encode")
async def encode(document: Text) -> Text:
    return Text(id=document.id, text=document.text.upper())


if __name__ == "__main__":
    uvicorn.run(
        application,
        host="127.0.0.1",
        port=arguments().port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
