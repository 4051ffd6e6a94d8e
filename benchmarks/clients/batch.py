"""One side of the comparison of a batch job, in a process of its own: the job, or a client that posts the same documents.

    python -m benchmarks.clients.batch post ADDRESS ENDPOINT NUMBER
    python -m benchmarks.clients.batch job ADDRESS ENDPOINT CORPUS OUTPUT

Prints a line of JSON: documents, seconds and processor seconds from the first to the last of them, with all that the call
does before and after, and the largest resident memory in MB.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from importlib import import_module
from time import monotonic, process_time

REQUEST_SIZE, PREFETCH = 100, 32


def posted(address: str, endpoint: str, number: str) -> int:
    """Documents that were answered, in columns, to a client that makes them as it goes and keeps none."""
    from benchmarks.batch_job import Text, Vector
    from thalweg import Client
    from thalweg.docs import DocList

    documents = (Text(id=str(index), text=f" Document NUMBER {index} of a corpus ") for index in range(int(number)))
    answers = Client(address).post(
        endpoint,
        documents,
        request_size=REQUEST_SIZE,
        prefetch=PREFETCH,
        return_type=DocList[Vector],
        return_responses=True,
    )
    return sum(len(answer.docs) for answer in answers)


def carried_out(address: str, endpoint: str, corpus: str, output: str) -> int:
    """Documents that a job has written."""
    from thalweg.jobs import BatchJob, run_job

    job = BatchJob(endpoint, (corpus,), output, request_size=REQUEST_SIZE, prefetch=PREFETCH)
    return run_job(job, address).written


SIDES: dict[str, Callable[..., int]] = {"post": posted, "job": carried_out}


def main() -> None:
    side, *given = sys.argv[1:]
    # To load what is needed is no work on documents; how much it is, the seconds of the whole process tell.
    for needed in ("benchmarks.batch_job", "thalweg.client", "thalweg.jobs", "pyarrow.parquet", "uvloop"):
        import_module(needed)
    began, busy = monotonic(), process_time()
    documents = SIDES[side](*given)
    seconds, worked = monotonic() - began, process_time() - busy
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([documents, seconds, worked, memory]))


if __name__ == "__main__":
    main()
