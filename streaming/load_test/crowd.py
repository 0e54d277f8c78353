"""Clients that come when they have planned to, whether or not the server keeps up (an open loop)."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from streaming.load_test.clients import Client, Refused, Target, client_of
from streaming.load_test.figures import COMPLETE, UNFINISHED, VANISHED, Outcome
from streaming.load_test.hearing import Hearing
from streaming.load_test.plan import Turn, Visit

# A slow client stops for so many times the duration of each piece before it reads the next one.
SLOWNESS = 2.0


@dataclass
class Crowd:
    """`noted`: told of each turn that is over. `begun`: the beginning, by `time.perf_counter`. `most_present`: at a time."""

    target: Target
    noted: Callable[[Outcome], None] = lambda outcome: None
    outcomes: list[Outcome] = field(default_factory=list)
    begun: float = 0.0
    came: int = 0
    present: int = 0
    most_present: int = 0

    async def run(self, visits: Sequence[Visit], grace: float, stop: asyncio.Event) -> float:
        """Until all clients have left, or `grace` seconds after the last one has come, or `stop` is set; what is spoken then
        is unfinished. Gives the seconds that it took."""
        self.begun = begun = time.perf_counter()
        stopped = asyncio.create_task(stop.wait())
        clients = []
        for visit in visits:
            await asyncio.wait({stopped}, timeout=max(0.0, begun + visit.at - time.perf_counter()))
            if stop.is_set():
                break
            clients.append(asyncio.create_task(self._visit(visit, begun + visit.at)))
        ends: set[asyncio.Future[Any]] = {asyncio.gather(*clients, return_exceptions=True), stopped}
        await asyncio.wait(ends, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        for task in (stopped, *clients):
            task.cancel()
        for result in await asyncio.gather(*clients, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
        return time.perf_counter() - begun

    async def _visit(self, visit: Visit, intended: float) -> None:
        self.came += 1
        self.present += 1
        self.most_present = max(self.present, self.most_present)
        due = intended
        try:
            async with client_of(visit.kind, self.target, visit.voice) as client:
                for number, turn in enumerate(visit.turns, start=1):
                    outcome = await self._turn(client, visit, turn, intended, due)
                    if outcome.end != COMPLETE or number == len(visit.turns):
                        return
                    # As soon as the player has played everything and the person has thought.
                    intended = outcome.hearing.dry_at + visit.turns[number].think
                    due = max(intended, time.perf_counter())
                    await asyncio.sleep(due - time.perf_counter())
        finally:
            self.present -= 1

    async def _turn(self, client: Client, visit: Visit, turn: Turn, intended: float, due: float) -> Outcome:
        late = max(0.0, time.perf_counter() - due)
        outcome = Outcome(visit.kind, Hearing(intended), UNFINISHED, visit.is_slow, late)
        try:
            outcome.end = await _heard(client, visit, turn, outcome.hearing)
        except Refused as refusal:
            outcome.end = f"cut off: {refusal}" if outcome.hearing.began is not None else str(refusal)
        finally:
            self.outcomes.append(outcome)
            self.noted(outcome)
        return outcome


async def _heard(client: Client, visit: Visit, turn: Turn, hearing: Hearing) -> str:
    """How the turn ends. Raises Refused."""
    async with aclosing(client.speak(turn.text)) as pieces:
        async for pcm in pieces:
            seconds = hearing.take(time.perf_counter(), pcm)
            if visit.leaves_after is not None and hearing.audio >= visit.leaves_after:
                await client.vanish()
                return VANISHED
            if visit.is_slow:
                await asyncio.sleep(seconds * SLOWNESS)
    return COMPLETE
