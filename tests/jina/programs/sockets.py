"""Serve an Executor of Jina's in a Flow over WebSocket: `sockets PORT`."""

import sys
import threading

from jina import Flow
from serve import Encoder

if __name__ == "__main__":
    with Flow(protocol="websocket", port=int(sys.argv[1])).add(uses=Encoder, name="theirs"):
        print("ready", flush=True)
        threading.Event().wait()
