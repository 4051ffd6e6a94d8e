"""Jina: one Executor that streams, served alone over one protocol, and its own client. Prints items a second."""

import asyncio
import json
import sys
import time

from docarray import BaseDoc
from jina import Client, Deployment, Executor, requests


class Token(BaseDoc):
    text: str = ""


class Tokens(Executor):
    @requests(on="/tokens")
    async def tokens(self, doc: Token, **kwargs) -> Token:
        for _ in range(int(doc.text)):
            yield Token(text="token")


async def read(protocol: str, port: int, items: int) -> float:
    client = Client(protocol=protocol, port=port, asyncio=True)
    begun, count = time.perf_counter(), 0
    async for _ in client.stream_doc(on="/tokens", inputs=Token(text=str(items)), return_type=Token):
        count += 1
    assert count == items, f"{count} of {items} items came"
    return items / (time.perf_counter() - begun)


def main() -> None:
    protocol, port, items, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    with Deployment(uses=Tokens, protocol=protocol, port=port):
        asyncio.run(read(protocol, port, 100))
        print(json.dumps([asyncio.run(read(protocol, port, items)) for _ in range(rounds)]))


if __name__ == "__main__":
    main()
