"""Is what a session has heard what it had to hear, and did it end as it may?"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.faults import Chronicle
from benchmarks.chaos.outcomes import ABORTED, CUT, REFUSED, Outcome, Stream
from benchmarks.chaos.plans import Plan

PROTOCOL = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
# Without a message: these end before anything can be said.
SILENT = {REFUSED, CUT, ABORTED}
SAMPLE_BYTES = 600
# Silence is nobody's.
LEAST_VARIETY = 16


def documented_closes() -> dict[int, set[str]]:
    """The table of docs/protocol.md: close code -> errors."""
    rows = re.findall(r"^\| (1\d{3}) \| [^|]+ \| (.+) \|$", PROTOCOL.read_text(), flags=re.MULTILINE)
    assert rows, f"{PROTOCOL} has no table of close codes"
    return {int(code): set(re.findall(r"`([^`]+)`", errors)) for code, errors in rows}


@dataclass
class Judge:
    """`references`: what each plan's streams sound like alone."""

    references: dict[str, dict[str, bytes]]
    chronicle: Chronicle
    closes: dict[int, set[str]] = field(default_factory=documented_closes)

    def verdict(self, plan: Plan, kind: str, node: str, outcome: Outcome, begin: float, end: float) -> list[str]:
        """What is wrong with this session; nothing, if it ended well, or with a clear error that a fault explains."""
        known = self.references.get(plan.name, {}) | outcome.wanted
        wrong = [
            problem
            for name, stream in outcome.streams.items()
            for problem in [
                self.judged(name, stream, known[name], is_whole=self.must_be_whole(name, outcome))
                if name in known
                else f"{name}: a stream that nobody has asked for, of {len(stream.audio)} bytes"
            ]
            if problem
        ]
        if outcome.has_left:
            return wrong
        errors = {error for error in outcome.stream_errors.values() if error != "interrupted"}
        if outcome.error:
            errors.add(outcome.error)
        wrong += [
            f"the error {error} without a fault that explains it"
            for error in sorted(errors - outcome.expected)
            if not self.chronicle.explains(error, node, begin, end)
        ]
        return wrong + self.end_of(kind, outcome)

    def end_of(self, kind: str, outcome: Outcome) -> list[str]:
        error, code = outcome.error, outcome.code
        if error is None:
            if kind == "bad":
                return ["bad input without an error"]
            missing = [name for name, stream in outcome.streams.items() if not stream.is_complete]
            return [f"ended with {code}, without an error and without the end of {name}" for name in missing]
        if error in SILENT or kind == "bad":
            return []
        is_http = code is not None and code < 1000
        if not is_http and error not in self.closes.get(code or 0, set()):
            return [f"the error {error} came with the close code {code}, which is not documented"]
        return []

    def must_be_whole(self, name: str, outcome: Outcome) -> bool:
        return outcome.streams[name].is_complete and name not in outcome.stream_errors

    def judged(self, name: str, stream: Stream, right: bytes, *, is_whole: bool) -> str | None:
        heard = bytes(stream.audio)
        if heard == right or (not is_whole and right.startswith(heard)):
            return None
        if right.startswith(heard):
            return f"{name}: the last {len(right) - len(heard)} of {len(right)} bytes are missing"
        at = next((n for n, (a, b) in enumerate(zip(heard, right, strict=False)) if a != b), len(right))
        whose = self.whose(heard[at : at + SAMPLE_BYTES])
        what = f"foreign audio, of {whose}" if whose else "other audio"
        return f"{name}: {what} from byte {at} of {len(heard)} (it should have {len(right)})"

    def whose(self, sample: bytes) -> str | None:
        """The stream in whose audio this is heard."""
        if len(set(sample)) < LEAST_VARIETY:
            return None
        for plan, streams in self.references.items():
            for name, audio in streams.items():
                if sample in audio:
                    return f"{plan} ({name})"
        return None
