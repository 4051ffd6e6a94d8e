"""Search the Python standard library by meaning: `python demo.py`, or `python demo.py --serve` to stay up."""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from documents import Answer, Module, Question, Status
from thalweg import Client, Flow
from thalweg.docs import DocList
from thalweg.errors import InvalidDocument, ThalwegError

FLOW = Path(__file__).with_name("flow.yml")
NEEDED = ("faiss", "onnxruntime", "tokenizers")
QUESTIONS = (
    "parse a date from a string",
    "compress a file",
    "copy a whole folder with everything in it",
    "greatest common divisor",
    "shuffle a list",
    "generate a secure random token",
)
SHOWN = 3
MODULES_A_REQUEST = 4
"""Enough objects to keep every core busy with batches, few enough to see how far it is."""
PLAIN_STEPS = 10
"""Lines of progress where there is no terminal to draw a bar on."""
WIDTH_WITHOUT_TERMINAL = 120


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the Flow, index where that is needed, ask, show, and perhaps stay. Returns the exit code."""
    chosen = _parse(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH_WITHOUT_TERMINAL)
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        console.print(f"The demo needs {', '.join(missing)}: pip install 'thalweg\\[demo]'", highlight=False)
        return 1
    try:
        _run(_flow(chosen, console), chosen, console)
    except ThalwegError as error:
        console.print(f"[red]{escape(str(error))}", highlight=False)
        for note in getattr(error, "__notes__", ()):
            console.print(escape(note), highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo.py", description=__doc__)
    parser.add_argument("--serve", action="store_true", help="stay up, with a search page at /")
    parser.add_argument("--host", help="address to listen on (this machine only, where it is not given)")
    parser.add_argument("--http-port", type=int, help="8080 where it is not given, or another where that is taken")
    parser.add_argument("--grpc-port", type=int, help="50051 where it is not given, or another where that is taken")
    parser.add_argument("--workspace", type=Path, help="folder for the index (in the user's cache, where not given)")
    parser.add_argument("--rebuild", action="store_true", help="make the index again, even if there is one")
    parser.add_argument("--modules", nargs="+", metavar="NAME", help="index these alone, which takes seconds")
    return parser.parse_args(arguments)


def _flow(chosen: argparse.Namespace, console: Console) -> Flow:
    """The Flow of flow.yml, on ports that can be had."""
    options = Flow.load_config(FLOW).options
    gateway = options.gateway.model_copy(update={"host": chosen.host or options.gateway.host})
    wanted = dict(zip(gateway.protocol, gateway.port, strict=True))
    given = {"http": chosen.http_port, "grpc": chosen.grpc_port}
    ports = []
    for protocol in gateway.protocol:
        port = given[protocol] if given[protocol] is not None else wanted[protocol]
        if given[protocol] is None and not _is_free(gateway.host, port):
            console.print(f"Port {port} is taken; the system chooses another for {protocol}.", highlight=False)
            port = 0
        ports.append(port)
    executors = options.executors
    if chosen.workspace is not None:
        executors = tuple(node.model_copy(update={"workspace": str(chosen.workspace)}) for node in executors)
    gateway = gateway.model_copy(update={"port": tuple(ports)})
    return Flow.of(options.model_copy(update={"gateway": gateway, "executors": executors}))


def _is_free(host: str, port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _run(flow: Flow, chosen: argparse.Namespace, console: Console) -> None:
    with console.status("Starting extract, encode and index, and the Gateway in front of them ..."):
        flow.start()
    with flow:
        status = _status(flow, "/status")
        if chosen.rebuild or not status.ready:
            status = _build(flow, chosen.modules, console)
        else:
            console.print(f"The index of {status.objects:,} objects was there already.", highlight=False)
        _ask(flow, console)
        _tell_how_to_go_on(flow, chosen.serve, console)
        if chosen.serve:
            flow.block()


def _status(flow: Flow, endpoint: str) -> Status:
    status: Status = flow.post(endpoint, return_type=Status)[0]
    return status


def _build(flow: Flow, names: Sequence[str] | None, console: Console) -> Status:
    """Send every module through the Flow, or those with these names. The client keeps a few requests under way and reads on
    as they are answered."""
    with console.status("Reading the standard library ..."):
        modules: DocList[Module] = flow.post("/modules", return_type=Module)
    if names:
        unknown = sorted(set(names) - set(modules.name))
        if unknown:
            raise InvalidDocument(f"The standard library of this Python has no module {', '.join(unknown)}.")
        modules = DocList[Module](module for module in modules if module.name in names)
    total = sum(modules.objects)
    with _progress(console) as progress:
        task = progress.add_task("Indexing", total=total, module="")
        done = 0
        sent = (module for module in modules)
        for indexed in flow.stream("/index", sent, request_size=MODULES_A_REQUEST, return_type=Module):
            done += indexed.objects
            progress.update(task, completed=done, module=indexed.name)
            if (
                not console.is_terminal
                and done * PLAIN_STEPS // total > (done - indexed.objects) * PLAIN_STEPS // total
            ):
                console.print(f"{done:,} of {total:,} objects indexed", highlight=False)
    return _status(flow, "/commit")


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[module]}"),
        console=console,
        disable=not console.is_terminal,
    )


def _ask(flow: Flow, console: Console) -> None:
    grpc = flow.addresses[1]
    with Client(grpc) as client:
        questions = DocList[Question](Question(text=text) for text in QUESTIONS)
        answers = client.post("/search", questions, parameters={"limit": SHOWN}, return_type=Answer)
    table = Table(title=f"Asked over gRPC at {grpc.removeprefix('grpc://')}", title_justify="left", expand=True)
    table.add_column("Question", ratio=3)
    table.add_column("Answer", ratio=4, style="bold cyan", overflow="fold")
    table.add_column("Score", justify="right", width=5)
    table.add_column("What it does", ratio=5, no_wrap=True, overflow="ellipsis")
    for answer in answers:
        for place, match in enumerate(answer.matches):
            last = place == len(answer.matches) - 1
            question = escape(answer.text) if place == 0 else ""
            table.add_row(question, match.name, f"{match.score:.2f}", escape(match.summary), end_section=last)
    console.print(table)


def _tell_how_to_go_on(flow: Flow, serving: bool, console: Console) -> None:
    http = flow.addresses[0]
    question = '{"data": [{"text": "parse a date from a string"}], "parameters": {"limit": 3}}'
    if serving:
        console.print(f"The search page is at [bold]{http}/[/], the API's pages at {http}/docs. Ctrl-C stops it.")
        console.print("Ask from another terminal:")
    else:
        console.print(
            "[bold]make demo SERVE=1[/] stays up, with a search page in front. Then ask from another terminal:"
        )
    command = f"curl -s {http}/search -H 'Content-Type: application/json' -d '{question}'"
    console.print(f"  {command}", highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
