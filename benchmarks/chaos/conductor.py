"""Breaks things, one or two at a time, and looks how long it takes until all is well."""

import asyncio
import random
import time
from dataclasses import dataclass

from benchmarks.chaos.faults import Chronicle, Fault, Struck, faults_of, with_node
from benchmarks.chaos.nodes import Node
from benchmarks.chaos.outcomes import Outcome
from benchmarks.chaos.plans import Plan
from benchmarks.chaos.references import alone
from benchmarks.chaos.site import Site

RECOVERY_SECONDS = 120.0
# Between two faults.
PAUSE_SECONDS = (0.5, 4.0)
TWO_AT_ONCE = 0.2


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

    async def run(self, most: int | None = None) -> None:
        """Until it is over, or so many times."""
        random_ = random.Random(f"{self.seed} faults {len(self.chronicle.struck)}")
        faults = [fault for fault in faults_of(self.site) if not self.wants or any(w in fault.name for w in self.wants)]
        count = 0
        while not self.is_over and (most is None or count < most):
            count += 1
            chosen = random_.choices(faults, weights=[fault.weight for fault in faults])[0]
            together = [chosen]
            if random_.random() < TWO_AT_ONCE:
                others = [fault for fault in faults if _is_apart(fault, chosen)]
                together += random_.sample(others, k=min(1, len(others)))
            await asyncio.gather(*(self.strike(fault, random.Random(f"{self.seed} {count}")) for fault in together))
            await asyncio.sleep(random_.uniform(*PAUSE_SECONDS))

    async def strike(self, fault: Fault, random_: random.Random) -> None:
        struck = self.chronicle.begin(fault)
        print(f"{time.monotonic():.1f} {fault.name}", flush=True)
        try:
            await with_node(fault, self.site)(random_)
        except Exception as error:  # a fault that cannot be mended is told, and the run goes on
            self.violations.append(f"seed {self.seed}, fault {len(self.chronicle.struck)} ({fault.name}): {error!r}")
            print(f"VIOLATION {self.violations[-1]}", flush=True)
        await self._recover(struck)

    async def _recover(self, struck: Struck) -> None:
        mended = time.monotonic()
        nodes = [self.site.nodes[struck.fault.node]] if struck.fault.node else list(self.site.nodes.values())
        try:
            async with asyncio.timeout(RECOVERY_SECONDS):
                for node in nodes:
                    await self._hear_whole(node)
        except TimeoutError:
            self.violations.append(
                f"seed {self.seed}, fault {len(self.chronicle.struck)} ({struck.fault.name}): "
                f"no fresh session is heard whole within {RECOVERY_SECONDS:g} s"
            )
            print(f"VIOLATION {self.violations[-1]}", flush=True)
        struck.end = time.monotonic()
        struck.recovery = struck.end - mended

    async def _hear_whole(self, node: Node) -> None:
        """A fresh session on this server, and its readiness."""
        plan = next(plan for plan in self.plans if plan.engine == node.engine and plan.kind == "native")
        while True:
            if (await asyncio.to_thread(node.readiness))["ready"]:
                outcome = await alone(plan, node.base_url)
                if self._is_whole(plan, outcome):
                    return
            await asyncio.sleep(0.1)

    def _is_whole(self, plan: Plan, outcome: Outcome) -> bool:
        heard = {name: bytes(stream.audio) for name, stream in outcome.streams.items()}
        return outcome.error is None and heard == self.references[plan.name]


def _is_apart(one: Fault, other: Fault) -> bool:
    """Whether both can be at once: not of the same thing, and no server is started while its database stands still."""
    names = {one.name.split(":")[0], other.name.split(":")[0]}
    starts = "restarted" in one.name + other.name and "server" in one.name + other.name
    shares = one.node == other.node and one.node is not None
    needs = any(name in ("database", "disk", "Redis") for name in names)
    return len(names) == 2 and not shares and not (starts and needs)
