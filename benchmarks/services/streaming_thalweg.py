"""Thalweg: one Executor that streams, served alone over one protocol, and its own client. Prints items a second; or, with
`first` in place of a protocol, how long the first item takes through two Executors, in seconds above the generator's own."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator

from thalweg import AsyncClient, Deployment, Executor, Flow, requests
from thalweg.docs import BaseDoc, DocList

OWN_SECONDS = 0.02


class Token(BaseDoc):
    text: str = ""


class Tokens(Executor):
    @requests(on="/tokens")
    async def tokens(self, doc: Token, **kwargs: object) -> AsyncIterator[Token]:
        for _ in range(int(doc.text)):
            yield Token(text="token")

    @requests(on="/first")
    async def first(self, doc: Token, **kwargs: object) -> AsyncIterator[Token]:
        begun = time.perf_counter()
        await asyncio.sleep(OWN_SECONDS)
        yield Token(text=str(time.perf_counter() - begun))
        await asyncio.sleep(OWN_SECONDS)
        yield Token(text="0")


class Onwards(Executor):
    @requests(on="/first")
    def onwards(self, docs: DocList[Token], **kwargs: object) -> DocList[Token]:
        return docs


async def read(address: str, items: int) -> float:
    async with AsyncClient(address) as client:
        await client.is_ready()
        begun, count = time.perf_counter(), 0
        async for _ in client.stream_doc("/tokens", Token(text=str(items)), return_type=Token):
            count += 1
        assert count == items, f"{count} of {items} items came"
        return items / (time.perf_counter() - begun)


async def first_items(address: str, rounds: int) -> list[float]:
    taken = []
    async with AsyncClient(address) as client:
        for _ in range(rounds):
            begun = time.perf_counter()
            answers = client.stream_doc("/first", Token(), return_type=Token)
            item = await anext(answers)
            taken.append(time.perf_counter() - begun - float(item.text))
            async for _ in answers:  # to its end: calling it off would be work beside the next one's first item
                pass
    return taken


def main() -> None:
    protocol, port, items, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    if protocol == "first":
        with Flow(protocol="grpc", port=port).add(uses=Tokens).add(uses=Onwards) as flow:
            asyncio.run(first_items(flow.addresses[0], 5))
            print(json.dumps(asyncio.run(first_items(flow.addresses[0], rounds))))
        return
    with Deployment(uses=Tokens, protocol=protocol, port=port) as deployment:
        asyncio.run(read(deployment.addresses[0], 100))
        print(json.dumps([asyncio.run(read(deployment.addresses[0], items)) for _ in range(rounds)]))


if __name__ == "__main__":
    main()
