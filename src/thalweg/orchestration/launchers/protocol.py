"""What a fork server and the process that uses it say to each other: frames as in `thalweg.service.control`.

All of them are small: neither side ever has to wait for room.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Interpreter(msgspec.Struct, frozen=True):
    """Another one than the fork server's: its executable, and where it finds modules, as in PYTHONPATH."""

    executable: str
    path: str


class Spawn(msgspec.Struct, frozen=True, tag="spawn"):
    """Fork one child. Its channel, standard output and standard error come as three descriptors beside this frame.

    `afresh` makes the child a new interpreter, for variables that are read only while an interpreter or a library is
    loaded, such as PYTHONHASHSEED or OMP_NUM_THREADS. Its environment then comes first on its channel.
    """

    number: int
    afresh: bool = False
    interpreter: Interpreter | None = None
    """The one that a child is that is made afresh; without it, the same as the fork server's."""


class Kill(msgspec.Struct, frozen=True, tag="kill"):
    """Send a signal to a child's whole process group. Only the one that reaps it knows whether its id is still its own."""

    number: int
    signal: int


class Keep(msgspec.Struct, frozen=True, tag="keep"):
    """Remove this directory, with all it holds, if the one that asks for it dies without saying `Forget`."""

    directory: bytes


class Forget(msgspec.Struct, frozen=True, tag="forget"):
    directory: bytes


Command: TypeAlias = Spawn | Kill | Keep | Forget


class Spawned(msgspec.Struct, frozen=True, tag="spawned"):
    number: int
    pid: int


class Exited(msgspec.Struct, frozen=True, tag="exited"):
    """A child ended; `status` as in `subprocess.Popen.returncode`: negative for a signal."""

    number: int
    status: int


Event: TypeAlias = Spawned | Exited

DESCRIPTORS = 3
"""How many descriptors come with one `Spawn`."""

Environment: TypeAlias = dict[bytes, bytes]
