"""Times one Flow from `with` to ready: `python start.py thalweg_flow|jina_flow --protocol grpc --port N`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib import import_module
from pathlib import Path

SERVICES = Path(__file__).resolve().parent.parent / "services"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("module", choices=("thalweg_flow", "jina_flow"))
    parser.add_argument("--protocol", choices=("grpc", "http"), default="grpc")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    sys.path.insert(0, str(SERVICES))
    service = import_module(given.module).service
    begin = time.perf_counter()
    with service("two", given.protocol, given.port):
        ready = time.perf_counter() - begin
    print(json.dumps({"seconds": ready}))


if __name__ == "__main__":
    main()
