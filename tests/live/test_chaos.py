"""A short form of `make chaos`: sessions of all kinds beside faults, each of which ends whole or with an error that is
explained."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.chaos.faults import Chronicle, Fault, Struck
from benchmarks.chaos.judging import Judge
from benchmarks.chaos.leaks import SPARE, Holdings, leaks
from benchmarks.chaos.outcomes import CUT, Outcome, Stream
from benchmarks.chaos.plans import KINDS, Plan
from benchmarks.chaos.report import report_of, tracebacks
from benchmarks.chaos.run import NEVER, Size, chaos
from benchmarks.chaos.site import Options

PLAN = Plan("mine", "native", "demo", "demo", "pcm_16000", "de", 1, ("Cats sleep.",))
SOUND, FOREIGN = bytes(range(256)) * 8, bytes(range(255, -1, -1)) * 8


def test_sessions_beside_faults_end_whole_or_with_an_explained_error(tmp_path: Path) -> None:
    options = Options(xtts=False, postgres=False, disk=False, is_patient=True)
    size = Size(sessions=50, beside=15, plans=1, wants=("killed", "pauses", "locked"))
    run = chaos(tmp_path, 1, size, options)
    assert run.tally.violations == []
    assert run.tally.sessions == 50
    assert run.chronicle.struck
    assert {kind for kind, _ in run.tally.results} == KINDS.keys()
    assert "**0 violations**" in report_of(run)


@pytest.fixture
def judge() -> Judge:
    return Judge({"mine": {"turn": SOUND}, "another": {"turn": FOREIGN}}, Chronicle())


def outcome(audio: bytes, *, is_complete: bool = True, error: str | None = None, code: int | None = None) -> Outcome:
    made = Outcome(error=error, code=code)
    made.streams["turn"].audio += audio
    made.streams["turn"].is_complete = is_complete
    return made


def verdict(judge: Judge, heard: Outcome) -> list[str]:
    return judge.verdict(PLAN, "native", "steady", heard, 0.0, 1.0)


def test_the_same_audio_is_right(judge: Judge) -> None:
    assert verdict(judge, outcome(SOUND)) == []


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        (outcome(SOUND[:-2]), "the last 2 of 2048 bytes are missing"),
        (outcome(SOUND[:100] + FOREIGN[100:]), "foreign audio, of another (turn)"),
        (outcome(SOUND[:100] + bytes(10)), "other audio from byte 100"),
        (outcome(SOUND + bytes(2)), "other audio from byte 2048"),
        (outcome(SOUND[:100], is_complete=False), "without an error and without the end of turn"),
        (outcome(SOUND[:100], is_complete=False, error=CUT), "the error cut without a fault"),
        (outcome(b"", is_complete=False, error="engine_failed", code=1008), "close code 1008, which is not documented"),
    ],
    ids=["short", "foreign", "other", "long", "no end", "cut", "code"],
)
def test_what_is_wrong_is_said(judge: Judge, heard: Outcome, words: str) -> None:
    assert words in "; ".join(verdict(judge, heard))


@pytest.mark.parametrize("heard", [b"", SOUND])
def test_a_stream_that_nobody_has_asked_for_is_wrong_however_silent_it_is(judge: Judge, heard: bytes) -> None:
    strange = outcome(SOUND)
    strange.streams["another"] = Stream(bytearray(heard), is_complete=True)
    assert verdict(judge, strange) == [f"another: a stream that nobody has asked for, of {len(heard)} bytes"]


def test_memory_that_does_not_come_back_is_left_behind() -> None:
    before = Holdings({}, 0, dict.fromkeys(SPARE, 1), 100_000, 0, 0)
    assert leaks("steady", before, replace(before, kilobytes=149_000), NEVER) == []
    assert leaks("steady", before, replace(before, kilobytes=151_000), NEVER) == ["steady: resident 97 -> 147 MB"]
    assert leaks("mortal", before, replace(before, kilobytes=151_000), NEVER, is_same_process=False) == []


def test_a_fault_explains_its_errors_while_it_lasts_and_on_its_server(judge: Judge) -> None:
    struck = judge.chronicle.begin(Fault("engine", lambda *_: asyncio.sleep(0), frozenset({"engine_failed"}), "steady"))
    struck.begin, struck.end = 0.5, 2.0
    failed = outcome(SOUND[:100], is_complete=False, error="engine_failed", code=1011)
    assert verdict(judge, failed) == []
    assert judge.verdict(PLAN, "native", "other", failed, 0.0, 1.0)
    assert judge.verdict(PLAN, "native", "steady", failed, 3.0, 4.0)


def test_time_in_which_another_fault_is_in_the_way_is_no_time_to_recover() -> None:
    chronicle = Chronicle()

    def strike(node: str | None, begin: float, is_over: float) -> Struck:
        chronicle.struck.append(Struck(Fault("any", lambda *_: asyncio.sleep(0), frozenset(), node), begin))
        chronicle.struck[-1].is_over = is_over
        return chronicle.struck[-1]

    database, engine = strike(None, 0, 10), strike("steady", 30, 50)
    strike("steady", 40, 60)
    other = strike("mortal", 90, float("inf"))
    assert chronicle.undisturbed(database, 10, 100) == 50
    assert chronicle.undisturbed(other, 90, 100) == 10
    assert chronicle.undisturbed(engine, 50, 100) == 40


@pytest.mark.parametrize("name", ["Redis: killed, restarted", "database: locked", "disk: full"])
def test_no_server_is_started_while_what_it_needs_is_away(name: str) -> None:
    assert Fault(name, lambda *_: asyncio.sleep(0), frozenset()).is_of_foundations


def test_tracebacks_are_counted_by_their_last_lines() -> None:
    one = "Traceback (most recent call last):\n  File x\n    y\nKeyError: 1\n"
    assert tracebacks(f"before\n{one}between\n{one}") == {"KeyError: 1": 2}
