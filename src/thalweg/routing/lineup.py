"""Who the replicas of an Executor are just now, and who of them is there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from thalweg.errors import ThalwegError, Unavailable
from thalweg.message import UnaryHandler
from thalweg.routing.balancer import Balancer
from thalweg.routing.presence import Presence, eligible
from thalweg.routing.replica import Replica
from thalweg.routing.retry import Backoff
from thalweg.transport.contract import Channel

log = logging.getLogger("thalweg.routing")

FIRST_RECONNECT_SECONDS = 0.01
LONGEST_RECONNECT_SECONDS = 0.5
ASK_SECONDS = 1.0
SILENCE_SECONDS = 3.0
"""How long a replica may take to say whether it is ready. It does so on its event loop, be it ever so busy."""

Tell = Callable[[Replica, bool], None]
"""Told of a replica that has become ready, or is not any more."""


class Seat:
    """One replica, from when it is known to when its connection is closed."""

    def __init__(self, number: int, replica: Replica, channel: Channel) -> None:
        self.number = number
        self.replica = replica
        self.channel = channel
        # looked up once: asking a Protocol whether an object is one takes longer than to submit a request
        self.submit = channel.submit if isinstance(channel, UnaryHandler) else None
        self.presence = Presence.GONE
        self.leaving = False
        self.keeper: asyncio.Task[None] | None = None
        self.met = asyncio.Event()
        """Set once it was ready."""

    async def close(self) -> None:
        if self.keeper is not None:
            self.keeper.cancel()
            await asyncio.gather(self.keeper, return_exceptions=True)
        await self.channel.close()


class Lineup:
    """Keeps up a connection to each replica, by a task of its own. Replicas come and go; see `ReplicaPool`."""

    def __init__(
        self, name: str, replicas: Sequence[Replica], made: Callable[[str], Channel], tell: Tell | None
    ) -> None:
        self._name = name
        self._made = made
        self._tell = tell
        self._started = False
        self._farewells: set[asyncio.Task[None]] = set()
        self._departed = asyncio.Event()
        self.balancer = Balancer()
        self.seats: list[Seat] = []
        """By the balancer's numbers."""
        self.leaving: set[Seat] = set()
        self.some = asyncio.Event()
        """Set while somebody is there."""
        for replica in replicas:
            self._sit(replica)

    def start(self) -> None:
        self._started = True
        for seat in self.seats:
            self._begin(seat)

    async def connected(self) -> None:
        if self._present():
            await self.some.wait()

    async def close(self) -> None:
        self._started = False
        farewells = list(self._farewells)
        for task in farewells:
            task.cancel()
        await asyncio.gather(*farewells, return_exceptions=True)
        await asyncio.gather(*(seat.close() for seat in self.seats))
        self.leaving.clear()

    @property
    def replicas(self) -> list[Replica]:
        return [seat.replica for seat in self._present()]

    @property
    def ready(self) -> bool:
        return any(seat.presence is Presence.READY for seat in self.seats)

    async def join(self, replicas: Sequence[Replica]) -> None:
        known = {replica.address for replica in self.replicas}
        new = [self._sit(replica, 0.0) for replica in replicas if replica.address not in known]
        if self._started:
            for seat in new:
                self._begin(seat)
        wanted = {replica.address for replica in replicas}
        for seat in self._present():
            if seat.replica.address in wanted:
                await seat.met.wait()

    def settle(self, replicas: Sequence[Replica]) -> None:
        given = {replica.address: replica for replica in replicas}
        for seat in self._present():
            replica = given.get(seat.replica.address)
            if replica is None:
                self._see_off(seat)
            else:
                seat.replica = replica
                self.balancer.weigh(seat.number, replica.weight, replica.version)

    async def vacated(self) -> None:
        while self.leaving or self._farewells:
            self._departed.clear()
            await self._departed.wait()

    def let_go(self) -> None:
        """Close what leaves and has nothing to do any more."""
        for seat in [seat for seat in self.leaving if not self.balancer.outstanding[seat.number]]:
            self.leaving.discard(seat)
            task = asyncio.get_running_loop().create_task(self._part(seat), name=f"close {self._name}/{seat.number}")
            self._farewells.add(task)
            task.add_done_callback(self._departs)

    def notice(self, replica: int) -> None:
        """Take a replica out that is gone: its keeper hears of it a turn of the loop later, and by then a request would
        have spent all its attempts there."""
        seat = self.seats[replica]
        if not seat.channel.connected:
            self._mark(seat, Presence.GONE)

    def _present(self) -> list[Seat]:
        return [seat for seat in self.seats if not seat.leaving]

    def _sit(self, replica: Replica, weight: float | None = None) -> Seat:
        """A seat for one more replica."""
        number = self.balancer.add(replica.weight if weight is None else weight, replica.version)
        seat = Seat(number, replica, self._made(replica.address))
        if number == len(self.seats):
            self.seats.append(seat)
        else:
            self.seats[number] = seat
        return seat

    def _begin(self, seat: Seat) -> None:
        seat.keeper = asyncio.get_running_loop().create_task(self._keep(seat), name=f"{self._name}/{seat.number}")

    def _see_off(self, seat: Seat) -> None:
        seat.leaving = True
        if seat.keeper is not None:
            seat.keeper.cancel()
        self._mark(seat, Presence.GONE)
        self.leaving.add(seat)
        self.let_go()

    def _departs(self, farewell: asyncio.Task[None]) -> None:
        self._farewells.discard(farewell)
        self._departed.set()

    async def _part(self, seat: Seat) -> None:
        await seat.close()
        self.balancer.remove(seat.number)

    async def _keep(self, seat: Seat) -> None:
        """Hold the connection to one replica, for ever."""
        channel = seat.channel
        backoff = Backoff(FIRST_RECONNECT_SECONDS, LONGEST_RECONNECT_SECONDS)
        refused = ""
        while True:
            try:
                await channel.connect()
                # a process that is being killed still takes connections, and never reads them
                presence = await _presence(channel)
            except ThalwegError as error:
                # Somebody is there and says no, which may change: told once for each reason.
                if not isinstance(error, Unavailable) and str(error) != refused:
                    refused = str(error)
                    log.warning("%s/%s cannot be used: %s", self._name, seat.number, refused)
                await asyncio.sleep(backoff.failed())
                continue
            backoff.succeeded()
            self._mark(seat, presence)
            try:
                await self._attend(seat)
            finally:
                self._mark(seat, Presence.GONE)

    async def _attend(self, seat: Seat) -> None:
        """Ask again and again, until the connection ends or is to be made anew."""
        closed = asyncio.ensure_future(seat.channel.closed())
        try:
            while not (await asyncio.wait([closed], timeout=ASK_SECONDS))[0]:
                try:
                    self._mark(seat, await _presence(seat.channel))
                except Unavailable:
                    return
        finally:
            closed.cancel()

    def _mark(self, seat: Seat, presence: Presence) -> None:
        before, seat.presence = seat.presence, Presence.GONE if seat.leaving else presence
        if before is seat.presence:
            return
        self.balancer.available[:] = eligible([other.presence for other in self.seats])
        if any(self.balancer.available):
            self.some.set()
        else:
            self.some.clear()
        if seat.presence is Presence.READY:
            seat.met.set()
        if self._tell is not None and not seat.leaving and Presence.READY in (before, presence):
            self._tell(seat.replica, presence is Presence.READY)


async def _presence(channel: Channel) -> Presence:
    """What the far side says of itself. Raises `Unavailable` without a connection."""
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            return Presence.READY if await channel.ready() else Presence.CONNECTED
    except TimeoutError:
        return Presence.CONNECTED
