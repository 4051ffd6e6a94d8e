"""From sampled call stacks to the part of a request's work that each belongs to. No I/O."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

OTHER = "everything else"
COLLECTION = "garbage collection"

# The first rule that matches decides; frames are looked at from the innermost one outwards, so that the time of the
# standard library and of dependencies goes to the part of Thalweg that called them.
RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("user code", ("thalweg_flow.py", "clients/stream.py")),
    ("client: requests in, answers in order", ("thalweg/client/",)),
    ("HTTP: parse and answer", ("thalweg/transport/http/", "uvicorn/", "httptools/")),
    ("gRPC", ("thalweg/transport/grpc/", "grpc/")),
    (
        "frames between processes",
        ("thalweg/transport/local.py", "thalweg/transport/multiplex/", "thalweg/message/framing.py"),
    ),
    ("dispatch, admission and context", ("thalweg/transport/", "thalweg/message/")),
    ("routing to a replica", ("thalweg/routing/",)),
    ("the way through the graph", ("thalweg/graph/", "thalweg/service/flow/handler.py")),
    ("documents: decode, validate, encode", ("thalweg/docs/", "thalweg/executor/payload.py", "pydantic")),
    ("calling the endpoint, compute thread", ("thalweg/executor/", "thalweg/service/worker/worker.py", "thread_run")),
    ("event loop", ("uvloop/", "libuv", "asyncio/", "selectors.py", "thalweg/service/process.py")),
    ("the rest of Thalweg", ("thalweg/",)),
)
CALLS_OF_THE_KERNEL = re.compile(
    r"^_*(?:libc_)?(read|write|writev|send|sendmsg|recv|recvmsg|epoll_p?wait|futex|getpid)\b.* \(libc"
)
KERNEL = (
    ("write to TCP", "tcp_sendmsg"),
    ("write to a Unix socket", "unix_stream_sendmsg"),
    ("read from TCP", "tcp_recvmsg"),
    ("read from a Unix socket", "unix_stream_read"),
    ("wait for events", "sys_epoll"),
    ("wake and wait between threads", "futex"),
    ("write", "ksys_write"),
    ("read", "ksys_read"),
)
THREAD = re.compile(r"thread \((\d+)\)")
LOCKS = ("PyThread_acquire_lock_timed", "take_gil", "pthread_cond", "sem_clockwait", "futex_")
ROOTS = ("site-packages/", "src/", "benchmarks/services/", "benchmarks/", "lib/python3.11/", "/lib/", "/project/")


@dataclass(frozen=True)
class Stack:
    """Frames from the outermost to the innermost one, as `function (file:line)`, files without their root folder."""

    frames: tuple[str, ...]
    samples: float

    @property
    def thread(self) -> int:
        """The id of the thread that the outermost frame names; 0 where it names none."""
        found = THREAD.match(self.frames[0])
        return int(found.group(1)) if found else 0

    @property
    def in_kernel(self) -> bool:
        """Whether the sample fell into a system call or a wait for a lock, and so says nothing of processor time."""
        inner, outer = self.frames[-1], self.frames[-2] if len(self.frames) > 1 else ""
        # The wrappers around blocking calls have no symbol, neither have the functions of libc that call them.
        unnamed = inner.startswith("0x") and inner.endswith("(libc)") and outer.endswith("(libc)")
        return unnamed or bool(CALLS_OF_THE_KERNEL.match(inner)) or any(lock in outer + inner for lock in LOCKS)


def read_stacks(text: str) -> list[Stack]:
    """The stacks in the collapsed format that py-spy and others write: frames with `;` between, a blank, a count."""
    found = []
    for line in text.splitlines():
        frames, _, samples = line.rpartition(" ")
        if frames and samples.isdigit():
            found.append(Stack(tuple(map(short, frames.split(";"))), int(samples)))
    return found


def short(frame: str) -> str:
    """`frame` with the file below its package's folder, wherever that is installed."""
    function, separator, place = frame.partition(" (")
    if "libc." in place:
        return f"{function} (libc)"
    for root in ROOTS:
        place = place.rpartition(root)[2]
    return function + separator + place


def layer(frames: Iterable[str]) -> str:
    """What part of the work a stack belongs to."""
    frames = tuple(frames)
    if any("gc_collect" in frame for frame in frames[-12:]):
        return COLLECTION
    for frame in reversed(frames):
        for name, patterns in RULES:
            if any(pattern in frame for pattern in patterns):
                return name
    return OTHER


def weighed(stacks: Iterable[Stack], spent: Mapping[int, float]) -> list[Stack]:
    """The stacks outside the kernel, with weights that make the threads stand to each other as the time they `spent`.

    A sampler sees a thread that waits for a processor as often as one that has it, so samples alone would give too much to
    the threads that wait. Where nothing is known of them, the samples stay as they are.
    """
    running = [stack for stack in stacks if not stack.in_kernel]
    seen: dict[int, float] = defaultdict(float)
    for stack in running:
        seen[stack.thread] += stack.samples
    known = sum(spent.get(thread, 0.0) for thread in seen)
    if not known:
        return running
    return [
        replace(one, samples=one.samples / seen[one.thread] * spent.get(one.thread, 0.0) / known) for one in running
    ]


def by_layer(stacks: Iterable[Stack]) -> dict[str, float]:
    """Samples of each layer."""
    counted: dict[str, float] = defaultdict(float)
    for stack in stacks:
        counted[layer(stack.frames)] += stack.samples
    return counted


def by_line(stacks: Iterable[Stack]) -> dict[str, float]:
    """Samples of each innermost line of Python: its own time and that of what it called in C."""
    counted: dict[str, float] = defaultdict(float)
    for stack in stacks:
        python = [frame for frame in stack.frames if ".py:" in frame]
        counted[python[-1] if python else OTHER] += stack.samples
    return counted


def by_call(script: str) -> Counter[str]:
    """Samples of each kind of system call in what `perf script -F ip,sym,dso` prints, those of the kernel alone."""
    counted: Counter[str] = Counter()
    for block in re.split(r"\n\s*\n", script):
        if "[kernel" in block:
            counted[
                next((name for name, symbol in KERNEL if symbol in block), "scheduling, interrupts and the rest")
            ] += 1
    return counted


def shares(counted: Mapping[str, float], whole: float) -> list[tuple[str, float]]:
    """`whole` divided among the keys by their counts, largest first."""
    total = sum(counted.values())
    if not total:
        return []
    return [(name, whole * count / total) for name, count in sorted(counted.items(), key=lambda one: -one[1])]
