"""The command line that every service understands."""

from __future__ import annotations

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Arguments:
    topology: str
    protocol: str
    port: int
    batch: int


def arguments() -> Arguments:
    parser = argparse.ArgumentParser()
    parser.add_argument("--topology", choices=("one", "two", "alone"), default="one")
    parser.add_argument("--protocol", choices=("http", "grpc"), default="http")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--batch", type=int, default=1, help="largest batch, where the framework makes batches")
    return Arguments(**vars(parser.parse_args()))
