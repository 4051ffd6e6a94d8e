"""The fork server: a clean interpreter that has imported what every child needs, and forks when it is asked to.

    python program.py serve PATH CONTROL PARENT     obey what comes on the inherited descriptor CONTROL
    python program.py child PATH CHANNEL            be one child, in an interpreter of its own

PATH is where modules are found, as in PYTHONPATH. The server has one thread, so forking is safe; it never imports user
code, and knows nothing of the script that started it. When PARENT dies, it kills its children, removes their directories
and ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import select
import shutil
import signal
import socket
import sys
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from thalweg.orchestration.launchers.protocol import Command, Event, Interpreter, Kill, Spawn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
OURS_ALONE = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that the server handles in its own way; children begin with the system's."""
OPEN_MAX = 1 << 16
CHUNK = 1 << 16
ORPHAN_CHECK_SECONDS = 1.0
"""How often to look whether the parent lives, where the system cannot tell us (no pidfd)."""


@dataclass(frozen=True)
class Child:
    """What is left of the server's state in a forked child."""

    channel: int


class Forker:
    """Obeys commands, reports exits. One thread, one loop."""

    def __init__(self, control: socket.socket, parent: int) -> None:
        from thalweg.orchestration.launchers import protocol, stragglers
        from thalweg.service.control import Frames, pack

        self._protocol = protocol
        self._stragglers = stragglers
        self._pack = pack
        self._control = control
        self._parent = parent
        self._frames = Frames(protocol.Command)
        self._descriptors: list[int] = []
        self._numbers: dict[int, int] = {}
        self._pids: dict[int, int] = {}
        self._directories: set[bytes] = set()
        self._wakeup = _wakeup()
        self._pidfd = os.pidfd_open(parent) if hasattr(os, "pidfd_open") else -1
        self._prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
        if self._prctl is not None:  # orphans of the children become children of this process, which knows them then
            self._prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def serve(self) -> Child | None:
        """Until the parent is gone, or, in a child, until it was forked."""
        poll = select.poll()
        for descriptor in (self._control.fileno(), self._wakeup.fileno(), self._pidfd):
            if descriptor >= 0:
                poll.register(descriptor, select.POLLIN)
        timeout = None if self._pidfd >= 0 else ORPHAN_CHECK_SECONDS * 1000
        while True:
            ready = {descriptor for descriptor, _ in poll.poll(timeout)}
            if self._wakeup.fileno() in ready:
                self._reap()
            if self._control.fileno() in ready:
                child = self._obey()
                if child is not None:
                    return child
            if self._pidfd in ready or self._parent_is_gone():
                self._clean_up()
                return None

    def _parent_is_gone(self) -> bool:
        return self._control.fileno() < 0 or os.getppid() != self._parent

    def _obey(self) -> Child | None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, CHUNK, 64)
        except ConnectionResetError:
            data, descriptors = b"", []
        self._descriptors += descriptors
        if not data:
            self._control.close()
        for command in self._frames.feed(data):
            child = self._do(command)
            if child is not None:
                return child
        return None

    def _do(self, command: Command) -> Child | None:
        match command:
            case self._protocol.Spawn():
                return self._spawn(command)
            case self._protocol.Kill():
                self._kill(command)
            case self._protocol.Keep():
                self._directories.add(command.directory)
            case self._protocol.Forget():
                self._directories.discard(command.directory)
        return None

    def _spawn(self, command: Spawn) -> Child | None:
        count = self._protocol.DESCRIPTORS
        given, self._descriptors = self._descriptors[:count], self._descriptors[count:]
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            return self._be_born(given, server, command)
        for descriptor in given:
            os.close(descriptor)
        self._numbers[pid] = command.number
        self._pids[command.number] = pid
        self._tell(self._protocol.Spawned(command.number, pid))
        return None

    def _be_born(self, given: list[int], server: int, spawn: Spawn) -> Child:
        signal.set_wakeup_fd(-1)
        for number in OURS_ALONE:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        self._die_with(server)
        channel, output, errors = given
        os.dup2(output, 1)
        os.dup2(errors, 2)
        os.closerange(3, channel)
        os.closerange(channel + 1, OPEN_MAX)
        if spawn.afresh:
            _become_new_interpreter(channel, spawn.interpreter)
        gc.enable()
        _draw_new_randomness()
        return Child(channel)

    def _die_with(self, server: int) -> None:
        """Be killed with the server, even inside C code that never looks at the channel."""
        if self._prctl is not None:
            self._prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != server:
            os._exit(1)

    def _kill(self, command: Kill) -> None:
        pid = self._pids.get(command.number)
        if pid is not None:
            _signal_group(pid, command.signal)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wakeup.recv(CHUNK)
        while self._numbers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            number = self._numbers.pop(pid, None)
            if number is None:  # no child of ours: one that the system handed to us when its own parent died
                continue
            del self._pids[number]
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)  # what its user code started and left behind
            if self._strangers():
                self._stragglers.end_stragglers([pid])
            self._tell(self._protocol.Exited(number, os.waitstatus_to_exitcode(status)))

    def _tell(self, event: Event) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the parent is gone: the loop sees it next
            self._control.sendall(self._pack(event))

    def _strangers(self) -> list[int]:
        """Children that were not asked for: others have started them, and are dead."""
        return [pid for pid in self._stragglers.children() if pid not in self._numbers]

    def _clean_up(self) -> None:
        from thalweg.orchestration.launchers.remains import BIRTH_SECONDS, end_containers, noted

        for pid in self._numbers:
            _signal_group(pid, signal.SIGKILL)
        for pid in self._numbers:
            os.waitpid(pid, 0)
        self._numbers.clear()
        while strangers := self._strangers():  # each may leave some of its own
            for pid in strangers:
                self._stragglers.end_process(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)
        containers = [one for directory in self._directories for one in noted(directory)]
        for directory in self._directories:
            shutil.rmtree(directory, ignore_errors=True)
        end_containers(containers, BIRTH_SECONDS)


def _signal_group(pid: int, number: int) -> None:
    """Signal a child and what it started. Before it has made a group of its own, itself alone."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _wakeup() -> socket.socket:
    """Readable after a child has ended. All other signals are noted and pass: the server ends with its parent, not before.

    A service manager that stops a whole control group signals everybody at once; the children then drain, and must not
    lose their server, and with it their lives, meanwhile.
    """
    receiver, sender = socket.socketpair()
    receiver.setblocking(False)
    sender.setblocking(False)
    for number in OURS_ALONE:
        signal.signal(number, _note)
    signal.set_wakeup_fd(sender.detach(), warn_on_full_buffer=False)
    return receiver


def _note(_number: int, _frame: FrameType | None) -> None:
    """The wakeup descriptor has it already."""


def _become_new_interpreter(channel: int, interpreter: Interpreter | None) -> NoReturn:
    from thalweg.orchestration.launchers.protocol import Environment
    from thalweg.service.control import receive

    connection = socket.socket(fileno=channel)
    environment: Environment = receive(connection, Environment)
    program = sys.orig_argv.index(__file__)
    os.set_inheritable(channel, True)
    executable, path = sys.executable, sys.argv[2]
    if interpreter is not None:
        executable, path = interpreter.executable, interpreter.path
    flags = sys.orig_argv[1 : program + 1]
    os.execve(executable, [executable, *flags, "child", path, str(channel)], environment)


def _draw_new_randomness() -> None:
    """`random` sees to itself after a fork; NumPy's global generator would be the same in every child."""
    generator = sys.modules.get("numpy.random")
    if generator is not None:
        generator.seed()


def main(arguments: list[str]) -> NoReturn:
    what, path, descriptor, *rest = arguments
    sys.path[:] = path.split(os.pathsep)
    if what == "child":
        child: Child | None = Child(int(descriptor))
    else:
        child = _serve(int(descriptor), int(rest[0]))
    if child is None:
        os._exit(0)  # nothing here needs a farewell, and a parent waits
    from thalweg.service import process

    os.set_inheritable(child.channel, False)
    process.end(process.main(socket.socket(fileno=child.channel)))


def _serve(control: int, parent: int) -> Child | None:
    from thalweg.service import process

    gc.disable()
    process.preload()
    gc.freeze()  # pages of objects that no collection touches stay shared with the children
    return Forker(socket.socket(fileno=control), parent).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
