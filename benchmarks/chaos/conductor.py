"""Breaks things, and looks how long it takes until all is well. Beside faults of servers and engines there are those of what
all of them use."""

import asyncio
import random
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field

from benchmarks.chaos.faults import Chronicle, Fault, Struck, faults_of, with_node
from benchmarks.chaos.nodes import Node
from benchmarks.chaos.outcomes import Outcome
from benchmarks.chaos.plans import Plan
from benchmarks.chaos.references import alone
from benchmarks.chaos.site import Site
from benchmarks.chaos.socket_clients import NotConnected

# Without the time in which another fault is in the way.
RECOVERY_SECONDS = 120.0
# Between two faults.
PAUSE_SECONDS = (0.2, 3.0)
TWO_AT_ONCE = 0.25


@dataclass
class Conductor:
    """`wants`: parts of the names of the faults that are used; none: all."""

    site: Site
    plans: list[Plan]
    references: dict[str, dict[str, bytes]]
    chronicle: Chronicle
    violations: list[str]
    seed: int
    wants: tuple[str, ...] = ()
    is_over: bool = False
    foundations: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self, most: int | None = None) -> None:
        """Until it is over, or so many times on each side."""
        faults = [fault for fault in faults_of(self.site) if not self.wants or any(w in fault.name for w in self.wants)]
        sides = (
            [fault for fault in faults if _is_of_a_node(fault)],
            [fault for fault in faults if not _is_of_a_node(fault)],
        )
        async with asyncio.TaskGroup() as group:
            for number, side in enumerate(sides):
                group.create_task(self._strike_again(side, most, f"{self.seed} {number} {len(self.chronicle.struck)}"))

    async def _strike_again(self, faults: list[Fault], most: int | None, seed: str) -> None:
        random_ = random.Random(seed)
        count = 0
        while faults and not self.is_over and (most is None or count < most):
            count += 1
            together = random_.choices(faults, weights=[fault.weight for fault in faults])
            if random_.random() < TWO_AT_ONCE:
                others = [fault for fault in faults if _subject(fault) != _subject(together[0])]
                together += random_.sample(others, k=min(1, len(others)))
            await asyncio.gather(*(self.strike(fault, random.Random(f"{seed} {count}")) for fault in together))
            await asyncio.sleep(random_.uniform(*PAUSE_SECONDS))

    async def strike(self, fault: Fault, random_: random.Random) -> None:
        # No server starts while its database, Redis or disk is away.
        async with self.foundations if fault.is_of_foundations else nullcontext():
            struck = self.chronicle.begin(fault)
            print(f"{time.monotonic():.1f} {fault.name}", flush=True)
            try:
                await with_node(fault, self.site)(random_)
            except Exception as error:  # a fault that cannot be mended is told, and the run goes on
                self._violated(fault, repr(error))
        await self._recover(struck)

    def _violated(self, fault: Fault, problem: str) -> None:
        self.violations.append(f"seed {self.seed}, fault {len(self.chronicle.struck)} ({fault.name}): {problem}")
        print(f"VIOLATION {self.violations[-1]}", flush=True)

    async def _recover(self, struck: Struck) -> None:
        mended = time.monotonic()
        nodes = [self.site.nodes[struck.fault.node]] if struck.fault.node else list(self.site.nodes.values())
        if struck.fault.node is None:
            struck.is_over = mended
        hearing = asyncio.create_task(self._hear_all(struck, nodes))
        try:
            while not (await asyncio.wait({hearing}, timeout=1.0))[0]:
                if self.chronicle.undisturbed(struck, mended, time.monotonic()) > RECOVERY_SECONDS:
                    self._violated(struck.fault, f"no fresh session is heard whole within {RECOVERY_SECONDS:g} s")
                    break
            else:
                hearing.result()
        finally:
            hearing.cancel()
        struck.end = time.monotonic()
        struck.is_over = min(struck.is_over, struck.end)
        struck.recovery = struck.end - mended

    async def _hear_all(self, struck: Struck, nodes: list[Node]) -> None:
        for node in nodes:
            await self._hear_whole(struck, node)

    async def _hear_whole(self, struck: Struck, node: Node) -> None:
        """A fresh session on this server, and its readiness."""
        plan = next(plan for plan in self.plans if plan.engine == node.engine and plan.kind == "native")
        while True:
            if (await asyncio.to_thread(node.readiness))["ready"]:
                struck.is_over = min(struck.is_over, time.monotonic())
                with suppress(NotConnected):
                    if self._is_whole(plan, await alone(plan, node.base_url)):
                        return
            await asyncio.sleep(0.1)

    def _is_whole(self, plan: Plan, outcome: Outcome) -> bool:
        heard = {name: bytes(stream.audio) for name, stream in outcome.streams.items()}
        return outcome.error is None and heard == self.references[plan.name]


def _is_of_a_node(fault: Fault) -> bool:
    return fault.node is not None


def _subject(fault: Fault) -> str:
    """What it breaks. A server goes with its engine."""
    return fault.node or fault.name.split(":")[0]
