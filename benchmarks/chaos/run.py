"""A whole run: servers, references, sessions beside faults, and what is left behind."""

import asyncio
import math
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos.conductor import Conductor
from benchmarks.chaos.faults import Chronicle
from benchmarks.chaos.judging import Judge
from benchmarks.chaos.leaks import Holdings, holdings_of, leaks
from benchmarks.chaos.plans import make_plans
from benchmarks.chaos.references import references_of
from benchmarks.chaos.report import Held, Run, tracebacks
from benchmarks.chaos.sessions import Crowd
from benchmarks.chaos.site import Options, Site, site_in

# Before what is held is counted for the first time, whatever is made once has been made.
WARMING_SHARE = 0.1
# A type of which there are fewer than this more, or fewer than one in a hundred sessions, is no leak: caches fill.
LEAST_GROWTH = 100
# Timers that were cancelled stay, with what they would have called, until they are due: the longest is that of an utterance.
SETTLING_SECONDS = 90.0
NEVER = 10**9
# A shorter run has not made everything once when it counts.
LEAST_SESSIONS = 1000


@dataclass(frozen=True)
class Size:
    """`beside`: sessions at once; `plans`: of each kind; `faults`: how many; None: as long as there are sessions. After so
    many `minutes` no further session begins."""

    sessions: int
    beside: int = 48
    plans: int = 12
    faults: int | None = None
    minutes: float = math.inf
    wants: tuple[str, ...] = ()


def chaos(folder: Path, seed: int, size: Size, options: Options) -> Run:
    with site_in(folder, options) as site:
        run = asyncio.run(_run(site, seed, size, options))
    left = [pid for node in site.nodes.values() for pid in node.engines if _is_engine(pid)]
    run.tally.violations += [f"the engine process {pid} is still there" for pid in left]
    for node in site.nodes.values():
        for last_line, count in tracebacks("".join(node.logs)).items():
            run.tally.violations.append(f"{node.name} logged {count} tracebacks: {last_line}")
    return run


async def _run(site: Site, seed: int, size: Size, options: Options) -> Run:
    begun = time.monotonic()
    plans = [plan for engine, voice in site.voices.items() for plan in make_plans(engine, voice, size.plans, seed)]
    references = await references_of(plans, site)
    print(f"{len(plans)} references after {time.monotonic() - begun:.0f} s", flush=True)
    chronicle = Chronicle()
    crowd = Crowd(site, plans, Judge(references, chronicle), seed, size.sessions, site.folder / "sessions.log")
    crowd.ends_at = time.monotonic() + size.minutes * 60
    conductor = Conductor(site, plans, references, chronicle, crowd.tally.violations, seed, size.wants)
    is_short = size.sessions < LEAST_SESSIONS
    if not is_short:
        await _part(crowd, conductor, size, round(size.sessions * WARMING_SHARE))
    before = {name: await holdings_of(node) for name, node in site.nodes.items()}
    await _part(crowd, conductor, size, size.sessions)
    least = NEVER if is_short else max(LEAST_GROWTH, size.sessions // 100)
    held, left = await _settled(site, before, least)
    crowd.tally.violations += left
    return Run(seed, time.monotonic() - begun, len(plans), crowd.tally, chronicle, held, _words(options))


async def _settled(site: Site, before: dict[str, Holdings], least: int) -> tuple[list[Held], list[str]]:
    """What the servers hold when nothing goes away any more, and what of it should not be there."""
    end = time.monotonic() + SETTLING_SECONDS
    while True:
        held = [Held(name, before[name], await holdings_of(node)) for name, node in site.nodes.items()]
        left = [leak for each in held for leak in _left_by(each, least)]
        if not left or time.monotonic() > end:
            return held, left
        await asyncio.sleep(5)


def _left_by(held: Held, least: int) -> list[str]:
    # One that was restarted in between is another process, with caches of its own; a short run has not filled them.
    is_judged = held.name != "mortal" and least != NEVER
    return leaks(held.name, held.before, held.after, least if is_judged else NEVER, is_same_process=is_judged)


async def _part(crowd: Crowd, conductor: Conductor, size: Size, sessions: int) -> None:
    """That many sessions, counted from the first one, until the last fault is over."""
    crowd.most = sessions
    breaking = asyncio.create_task(conductor.run(size.faults))
    telling = asyncio.create_task(_tell(crowd))
    try:
        await crowd.run(size.beside)
        conductor.is_over = True
        await breaking
    finally:
        for task in (breaking, telling):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    conductor.is_over = False


async def _tell(crowd: Crowd) -> None:
    while True:
        await asyncio.sleep(30)
        print(f"{crowd.tally.sessions} sessions, {len(crowd.tally.violations)} violations", flush=True)


def _is_engine(pid: int) -> bool:
    try:
        return b"streaming.engine.host" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _words(options: Options) -> str:
    database = "PostgreSQL" if options.postgres else "SQLite"
    disk = "a small disk" if options.disk else "no disk of its own"
    engines = "two servers with the embedded voices" + (" and one with a small XTTS" if options.xtts else "")
    return f"{engines} on {options.words}, {database}, Redis, {disk}"
