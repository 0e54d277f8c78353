"""The report of a run, as a page of Markdown."""

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.chaos.conductor import RECOVERY_SECONDS
from benchmarks.chaos.faults import Chronicle
from benchmarks.chaos.leaks import Holdings
from benchmarks.chaos.sessions import Tally
from benchmarks.engine_table import table
from benchmarks.provenance import provenance


@dataclass(frozen=True, slots=True)
class Held:
    """What a server holds, before and after."""

    name: str
    before: Holdings
    after: Holdings


@dataclass(frozen=True, slots=True)
class Run:
    seed: int
    seconds: float
    plans: int
    tally: Tally
    chronicle: Chronicle
    held: list[Held]
    setting: str


def report_of(run: Run) -> str:
    about = provenance()
    violations = run.tally.violations
    return "\n".join(
        [
            "# A chaos run",
            "",
            f"`{about['command']}`, seed {run.seed}, commit {about['commit']}; {about['machine']['cores']} x "
            f"{about['machine']['cpu']}, shared with other work; {run.setting}.",
            "",
            f"{run.tally.sessions} sessions beside {len(run.chronicle.struck)} faults in {run.seconds / 60:.0f} minutes; "
            f"{run.tally.bytes_compared / 1e6:.0f} MB of audio compared, byte by byte, with {run.plans} plans spoken alone. "
            f"The longest session took {run.tally.longest:.0f} s.",
            "",
            f"**{len(violations)} violations** (stuck, foreign or other audio, cut without an error, an error that no fault "
            "explains or no document names, no recovery, something left behind, a traceback).",
            "",
            *[f"- {violation}" for violation in violations],
            *([""] if violations else []),
            "## Sessions",
            "",
            *_sessions(run.tally),
            "",
            "## Faults",
            "",
            "Recovery: from when the fault is mended (of an engine: when it is killed or replaced) until /readyz agrees and "
            "a fresh session on every server that was struck is heard whole. Allowed are "
            f"{RECOVERY_SECONDS:g} s, without the time in which another fault is in the way.",
            "",
            *_faults(run.chronicle),
            "",
            "## Left behind",
            "",
            "With nothing to do, after the first tenth of the sessions and at the end.",
            "",
            *_held(run.held),
            "",
        ]
    )


def _sessions(tally: Tally) -> list[str]:
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (kind, result), count in tally.results.items():
        kinds[kind][result] += count
    rows = []
    for kind, results in sorted(kinds.items()):
        others = ", ".join(f"{name} {count}" for name, count in results.most_common() if name != "complete")
        rows.append([kind, str(results.total()), str(results["complete"]), others])
    total = sum(count for (_, result), count in tally.results.items() if result == "complete")
    rows.append(["all", str(tally.sessions), str(total), ""])
    return list(table(("kind", "sessions", "complete", "others"), rows))


def _faults(chronicle: Chronicle) -> list[str]:
    times: defaultdict[str, list[float]] = defaultdict(list)
    for struck in chronicle.struck:
        if struck.recovery is not None:
            times[struck.fault.name].append(struck.recovery)
    rows = [
        [name, str(len(seconds)), f"{statistics.median(seconds):.1f} s", f"{max(seconds):.1f} s"]
        for name, seconds in sorted(times.items())
    ]
    return list(table(("fault", "times", "recovery, median", "worst"), rows))


def _held(held: list[Held]) -> list[str]:
    return list(
        table(
            ("server", "tasks", "sockets", "open files", "threads", "objects", "resident"),
            [
                [
                    each.name,
                    _change(each.before.tasks.values(), each.after.tasks.values()),
                    f"{each.before.sockets} -> {each.after.sockets}",
                    f"{each.before.objects['open files']} -> {each.after.objects['open files']}",
                    f"{each.before.objects['threads']} -> {each.after.objects['threads']}",
                    _change(each.before.objects.values(), each.after.objects.values()),
                    f"{each.before.kilobytes // 1024} -> {each.after.kilobytes // 1024} MB",
                ]
                for each in held
            ],
        )
    )


def _change(before: Iterable[int], after: Iterable[int]) -> str:
    return f"{sum(before)} -> {sum(after)}"


def tracebacks(log: str) -> Counter[str]:
    """The last line of each traceback."""
    found = re.findall(r"^Traceback \(most recent call last\):\n(?:[ \t].*\n|\n)*(\S.*)$", log, flags=re.MULTILINE)
    return Counter(line[:200] for line in found)
