"""A Flow of Jina's in which an Executor that runs elsewhere does the work: `EXECUTOR_PORT GRPC_PORT HTTP_PORT`."""

import sys
import threading

from jina import Flow

if __name__ == "__main__":
    executor, *ports = map(int, sys.argv[1:])
    flow = Flow(protocol=["grpc", "http"], port=ports).add(external=True, host="127.0.0.1", port=executor, name="ours")
    with flow:
        print("ready", flush=True)
        threading.Event().wait()
