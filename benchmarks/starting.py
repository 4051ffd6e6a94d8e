"""How long a Flow of many Executors takes to start, answer and stop; Jina's beside it where that is installed.

    python -m benchmarks.starting [--executors 10 100] [--repeat 3] [--jina PYTHON]

Each start is a fresh program: seconds from the call of `start` until everything answers, processor time and memory (PSS, in
which shared pages count once) of all processes, the first request, and the stop.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JINA = Path(__file__).parent / ".environments/jina/bin/python"
SECONDS = 900.0

MEASURE = """
import json, os, sys, time

def descendants():
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = open(f"/proc/{name}/stat").read().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(name)] = (int(fields[1]), int(fields[11]) + int(fields[12]))
    found = {os.getpid()}
    while more := {pid for pid, (parent, _) in parents.items() if parent in found and pid not in found}:
        found |= more
    return {pid: parents[pid][1] / os.sysconf("SC_CLK_TCK") for pid in found - {os.getpid()}}

def shared(pid):
    lines = open(f"/proc/{pid}/smaps_rollup").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024

def measured(flow, post):
    began = time.perf_counter()
    flow.start()
    ready = time.perf_counter()
    post()
    answered = time.perf_counter()
    tree = descendants()
    memory = sum(map(shared, tree))
    closing = time.perf_counter()
    flow.close()
    return {
        "start": ready - began, "first": answered - ready, "stop": time.perf_counter() - closing,
        "processes": len(tree), "processor": sum(tree.values()), "mebibytes": memory,
    }
"""
THALWEG = """
from thalweg import Executor, Flow, requests
from thalweg.docs import BaseDoc, DocList

class Text(BaseDoc):
    text: str = ""

class Same(Executor):
    @requests(on="/same")
    def same(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        return docs

flow = Flow(protocol="http")
for number in range(int(sys.argv[1])):
    flow.add(uses=Same, name=f"part{number}")
print(json.dumps(measured(flow, lambda: flow.post("/same", Text(text="x"), return_type=Text))))
"""
JINAS = """
from docarray import BaseDoc, DocList
from jina import Executor, Flow, requests

class Text(BaseDoc):
    text: str = ""

class Same(Executor):
    @requests(on="/same")
    def same(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        return docs

if __name__ == "__main__":
    flow = Flow(protocol="http")
    for number in range(int(sys.argv[1])):
        flow = flow.add(uses=Same, name=f"part{number}")
    post = lambda: flow.post("/same", DocList[Text]([Text(text="x")]), return_type=DocList[Text])
    print(json.dumps(measured(flow, post)))
"""


def once(python: str, program: str, executors: int) -> dict[str, float]:
    """One start in a program of its own."""
    run = subprocess.run(
        [python, "-c", MEASURE + program, str(executors)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    found: dict[str, float] = json.loads(run.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executors", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--jina", default=str(JINA), help="a Python in which Jina is installed")
    given = parser.parse_args()
    contestants = {"thalweg": (sys.executable, THALWEG)}
    if Path(given.jina).exists():
        contestants["jina"] = (given.jina, JINAS)
    print(
        f"{'':10} {'executors':>9} {'start s':>8} {'first ms':>9} {'stop s':>7} {'cpu s':>7} {'MiB':>7} {'processes':>9}"
    )
    for executors in given.executors:
        for name, (python, program) in contestants.items():
            try:
                best = min(
                    (once(python, program, executors) for _ in range(given.repeat)), key=lambda one: one["start"]
                )
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                print(f"{name:10} {executors:9} failed: {str(getattr(error, 'stderr', error))[-200:]!r}")
                continue
            print(
                f"{name:10} {executors:9} {best['start']:8.2f} {best['first'] * 1e3:9.1f} {best['stop']:7.2f} "
                f"{best['processor']:7.2f} {best['mebibytes']:7.0f} {best['processes']:9.0f}"
            )


if __name__ == "__main__":
    main()
