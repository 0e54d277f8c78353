"""Sessions of all kinds, one after the other and beside each other, and what has become of them."""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.chaos import http_clients, socket_clients
from benchmarks.chaos.bad_clients import bad
from benchmarks.chaos.forward_client import forward, parts_of
from benchmarks.chaos.judging import Judge
from benchmarks.chaos.nodes import Node
from benchmarks.chaos.outcomes import Outcome
from benchmarks.chaos.plans import ASKS_AS, KINDS, OTHERS, Plan
from benchmarks.chaos.site import KEYS, REFUSALS, Site
from benchmarks.chaos.voice_clients import manage

# The longest that any session may last: an engine is replaced and a database waited for in much less.
BOUND_SECONDS = 120.0
# Clients that choose a server which is not there, although they could know.
BLIND = 0.05
XTTS_SHARE = 0.05

Client = Callable[[str, Plan, random.Random], Awaitable[Outcome]]
CLIENTS: dict[str, Client] = {
    "native": socket_clients.native,
    "paced": socket_clients.native,
    "elevenlabs": socket_clients.elevenlabs,
    "typed": socket_clients.typed,
    "contexts": socket_clients.contexts,
    "slow": socket_clients.slow,
    "vanishing socket": socket_clients.vanishing,
    "limited": socket_clients.native,
    "whole": http_clients.whole,
    "streamed": http_clients.streamed,
    "timestamps": http_clients.timestamps,
    "vanishing request": http_clients.vanishing,
    "bad": bad,
    "voices": manage,
}
ANYTHING = Plan("anything", "any", "demo", "demo", "pcm_16000", "de", 0, ())


@dataclass(slots=True)
class Tally:
    """`results`: how many sessions of each kind ended how. `violations`: what was wrong, with what repeats it."""

    results: Counter[tuple[str, str]] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    bytes_compared: int = 0
    longest: float = 0.0

    @property
    def sessions(self) -> int:
        return self.results.total()


@dataclass
class Crowd:
    """The clients of a run. Session number n does the same for the same seed, whatever else happens."""

    site: Site
    plans: list[Plan]
    judge: Judge
    seed: int
    most: int
    log: Path
    tally: Tally = field(default_factory=Tally)
    begun: int = 0
    ends_at: float = math.inf

    async def run(self, beside: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(beside):
                group.create_task(self._client())

    async def _client(self) -> None:
        while self.begun < self.most and time.monotonic() < self.ends_at:
            self.begun += 1
            await self.session(self.begun)

    async def session(self, number: int) -> None:
        random_ = random.Random(f"{self.seed} {number}")
        # The first ones are one of each.
        drawn = random_.choices(list(KINDS), weights=list(KINDS.values()))[0]
        kind = list(KINDS)[number - 1] if number <= len(KINDS) else drawn
        plan = self._plan(kind, random_)
        node = self._node(kind, plan, random_)
        begin = time.monotonic()
        try:
            async with asyncio.timeout(BOUND_SECONDS):
                outcome = await self._outcome(kind, plan, node, random_)
            end = time.monotonic()
            wrong = self.judge.verdict(plan, kind, node.name, outcome, begin, end)
        except TimeoutError:
            outcome, end, wrong = Outcome(error="stuck"), time.monotonic(), [f"stuck for {BOUND_SECONDS:g} s"]
        except Exception as error:  # whatever a client did not expect is told, and the others go on
            outcome, end, wrong = Outcome(error="unexpected"), time.monotonic(), [f"unexpected: {error!r}"]
        self._note(number, kind, plan, node, outcome, wrong, begin, end)

    def _plan(self, kind: str, random_: random.Random) -> Plan:
        if kind in OTHERS:
            return ANYTHING
        engine = "xtts" if "xtts" in self.site.nodes and random_.random() < XTTS_SHARE else "demo"
        asked = ASKS_AS.get(kind, kind)
        plan = random_.choice(
            [p for p in self.plans if p.kind == asked and p.engine == engine]
            or [p for p in self.plans if p.kind == asked]
        )
        if kind == "limited":
            return replace(plan, key=random_.choice(list(KEYS)))
        return plan

    def _node(self, kind: str, plan: Plan, random_: random.Random) -> Node:
        nodes = self.site.nodes_with(plan.engine)
        is_blind = random_.random() < BLIND
        chosen = random_.choice(nodes)
        if chosen.is_up or is_blind:
            return chosen
        return next((node for node in nodes if node.is_up), chosen)

    async def _outcome(self, kind: str, plan: Plan, node: Node, random_: random.Random) -> Outcome:
        try:
            return await self._speak(kind, plan, node, random_)
        except socket_clients.NotConnected as error:
            return error.outcome

    async def _speak(self, kind: str, plan: Plan, node: Node, random_: random.Random) -> Outcome:
        if kind == "forward":
            parts = parts_of(random_)
            outcome = await forward(node.base_url, plan, random_, self.site.redis.url, parts)
            outcome.wanted = {"turn": b"".join(parts)}
            return outcome
        if kind == "limited":
            name = plan.key
            outcome = await CLIENTS[kind](node.base_url, replace(plan, key=self.site.keys[name]), random_)
            outcome.expected = frozenset({REFUSALS[name]})
            return outcome
        return await CLIENTS[kind](node.base_url, plan, random_)

    def _note(
        self,
        number: int,
        kind: str,
        plan: Plan,
        node: Node,
        outcome: Outcome,
        wrong: list[str],
        begin: float,
        end: float,
    ) -> None:
        result = "left" if outcome.has_left else outcome.error or "complete"
        if outcome.stream_errors and result == "complete":
            result = " + ".join(sorted(set(outcome.stream_errors.values())))
        if result in outcome.expected:
            result = "refused as expected"
        self.tally.results[kind, result] += 1
        self.tally.bytes_compared += sum(len(stream.audio) for stream in outcome.streams.values())
        self.tally.longest = max(self.tally.longest, end - begin)
        line = f"session {number} ({kind}, {plan.name}, {node.name}): {result}, {end - begin:.2f} s"
        for problem in wrong:
            self.tally.violations.append(f"seed {self.seed}, {line}: {problem}")
            print(f"VIOLATION {self.tally.violations[-1]}", flush=True)
        with self.log.open("a") as log:
            log.write(f"{begin:.3f} {end:.3f} {line}{' !!' if wrong else ''}\n")
