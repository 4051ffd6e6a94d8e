"""Call a service with Jina's client and print what it says, as one line of JSON: `URL`."""

import asyncio
import json
import sys

from docarray import DocList
from jina import Client

from documents import Part, Text


def encoded(client):
    sent = DocList[Text]([Text(text="a" * size, part=Part(name="p")) for size in range(25)])
    got = client.post(
        "/encode", sent, parameters={"n": 5}, request_size=10, results_in_order=True, return_type=DocList[Text]
    )
    return {
        "ids": [doc.id for doc in got] == [doc.id for doc in sent],
        "vectors": [doc.vector.tolist() for doc in got[:3]],
        "dtype": str(got[0].vector.dtype),
        "part": got[0].part.name,
        "tags": got[0].tags,
    }


def failed(client):
    seen = []
    try:
        client.post("/fail", Text(text="x"), on_error=seen.append)
    except Exception as error:
        return {"raised": type(error).__name__, "text": str(error)}
    status = seen[0].header.status
    return {"name": status.exception.name, "args": list(status.exception.args), "documents": len(seen[0].docs)}


def raised(client):
    try:
        client.post("/fail", Text(text="x"))
    except Exception as error:
        return type(error).__name__
    return None


def reported(client):
    (answer,) = client.post("/report", DocList[Text]([Text(), Text()]), return_responses=True)
    return {
        "results": answer.parameters.get("__results__"),
        "routes": [route.executor for route in answer.routes],
        "timed": all(route.end_time.ToNanoseconds() >= route.start_time.ToNanoseconds() > 0 for route in answer.routes),
        "id": answer.header.request_id,
    }


async def letters(url):
    client = Client(host=url, asyncio=True)
    return [doc.text async for doc in client.stream_doc("/letters", Text(text="abc"), return_type=Text)]


if __name__ == "__main__":
    (url,) = sys.argv[1:]
    client = Client(host=url)
    said = {"encode": encoded(client), "fail": failed(client), "raised": raised(client)}
    if url.startswith("grpc"):
        said["unary"] = client.post("/encode", Text(text="abc"), stream=False, return_type=Text).vector.tolist()
        said["report"] = reported(client)
        said["ready"] = client.is_flow_ready()
    if not url.startswith("ws"):
        said["letters"] = asyncio.run(letters(url))
    print(json.dumps(said))
