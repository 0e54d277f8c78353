"""The load generator: what it asks for, what it makes of what it hears, and what it says."""

import itertools
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from benchmarks.in_process import StandInText
from benchmarks.listeners import Heardings, Line, Utterance, lines
from benchmarks.load import LoadOptions, limit, measure, parse
from benchmarks.load_table import table_of
from benchmarks.timed_engine import TimedEngine, Timings
from streaming.engine.checkpoint.config import LANGUAGES, SpeechConfig
from streaming.engine.contract import PcmChunk
from xtts_site.config import PROJECT_DIR

RATE = 24_000


def sound(seconds: float, level: float = 0.2) -> PcmChunk:
    return PcmChunk("a", np.full(round(seconds * RATE), level, np.float32))


def heard(*chunks: tuple[float, PcmChunk], begun: float = 100.0) -> Utterance:
    utterance = Utterance(begun)
    for at, chunk in chunks:
        utterance.take(begun + at, chunk, RATE)
    return utterance


def asked(seed: int, count: int = 200) -> list[Line]:
    return list(itertools.islice(lines(["Ana", "Ben"], seed), count))


def test_a_seed_asks_for_the_same_and_another_for_something_else() -> None:
    assert asked(1) == asked(1)
    assert asked(1) != asked(2)


def test_lengths_languages_and_voices_are_mixed() -> None:
    script = asked(0)
    assert {line.voice for line in script} == {"Ana", "Ben"}
    assert len({line.language for line in script}) == 5
    assert len({len(line.text) for line in script if line.language == "en"}) == 3


def test_the_first_sound_counts_not_the_first_packet() -> None:
    utterance = heard((0.1, sound(0.1, level=0.001)), (0.3, sound(0.1)), (0.4, sound(0.1)))
    assert Heardings.of([utterance], 0).ttfas == [pytest.approx(0.3)]


def test_who_holds_less_back_than_the_gap_runs_dry() -> None:
    # 0.5 s of sound at 0.2 s last until 0.7; the next come 80 and 180 ms late.
    fluent = heard((0.2, sound(0.5)), (0.6, sound(0.5)))
    late = heard((0.2, sound(0.5)), (0.78, sound(0.5)))
    later = heard((0.2, sound(0.5)), (0.88, sound(0.5)))
    together = Heardings.of([fluent, late, later], 0)
    assert [together.fluent(back) for back in (50, 100, 200)] == [pytest.approx(share / 3) for share in (1, 2, 3)]


def test_who_is_not_served_to_the_end_has_run_dry_by_then() -> None:
    waiting, interrupted = Utterance(100.0), heard((0.2, sound(0.5)))
    for utterance in (waiting, interrupted):
        utterance.cut(110.0)
    together = Heardings.of([waiting, interrupted], 2)
    assert together.ttfas == [pytest.approx(10.0), pytest.approx(0.2)]
    assert together.gaps == [0.0, pytest.approx(9.3)]
    assert together.unfinished == 2


def row(streams: int, c100: float, arrivals: str = "staggered") -> dict[str, Any]:
    return {"arrivals": arrivals, "streams": streams, "c100": c100}


@pytest.mark.parametrize(
    ("shares", "fluent", "stuttering"),
    [
        ({1: 1.0, 8: 0.995, 64: 0.5}, 8, 64),
        ({1: 1.0, 8: 1.0}, 8, None),
        ({4: 0.98}, None, 4),
        # A lucky run beyond the first that stuttered does not count.
        ({1: 1.0, 8: 0.9, 64: 1.0}, 1, 8),
    ],
)
def test_the_limit_is_where_it_is_fluent_no_longer(
    shares: dict[int, float], fluent: int | None, stuttering: int | None
) -> None:
    rows = [row(streams, share) for streams, share in shares.items()]
    rows += [row(streams, 0.0, "burst") for streams in shares]
    assert limit(rows) == {"fluent": fluent, "stuttering": stuttering}


class Starving:
    """A crowd that is served late, however small it is."""

    def __init__(self, *_: object) -> None:
        pass

    def burst(self, count: int) -> Heardings:
        return Heardings([1.0] * count, [1.0] * count, audio=1.0, unfinished=0)

    def conversation(self, listeners: int, seconds: float) -> Heardings:
        return self.burst(listeners)


@pytest.mark.parametrize(("to_the_end", "measured"), [(False, [1, 1]), (True, [1, 1, 2, 2])])
def test_it_goes_on_beyond_what_is_hopeless_only_when_told_to(
    monkeypatch: pytest.MonkeyPatch, to_the_end: bool, measured: list[int]
) -> None:
    monkeypatch.setattr("benchmarks.load.Crowd", Starving)
    model = SimpleNamespace(speakers=["Ana"], slots=1)
    engine = SimpleNamespace(model=model, take_timings=lambda: Timings([(0.1, 1)], [(0.1, 1)], [(0.1, 1)], 1.0))
    *_, rows = measure(cast(TimedEngine, engine), LoadOptions((1, 2), 1.0, to_the_end=to_the_end))
    assert [row["streams"] for row in rows] == measured


@pytest.fixture
def front_end() -> StandInText:
    return StandInText(SpeechConfig(16, 0, 1, 8192, 8193, 402, 602, LANGUAGES, 0.75, 50, 0.85, 5.0), 6681)


def test_a_text_has_as_many_tokens_as_such_a_text_has_and_takes_its_time(front_end: StandInText) -> None:
    text = "The train to the coast leaves at seven."
    (piece,) = front_end.pieces(text, "en")
    assert len(piece.tokens) == 1 + 16
    assert all(0 <= token < 6681 for token in piece.tokens)
    assert piece.most_audio_tokens / 21.53 == pytest.approx(len(text) / 15, abs=0.1)
    assert piece.text_end == len(text)
    (slower,) = front_end.pieces(text, "zh")
    assert slower.most_audio_tokens > 2 * piece.most_audio_tokens


def test_a_text_is_never_longer_than_the_model_can_speak(front_end: StandInText) -> None:
    (piece,) = front_end.pieces("word " * 2000, "en")
    assert len(piece.tokens) < 402
    assert piece.most_audio_tokens == 602


@pytest.mark.parametrize("arguments", [["--streams", "0"], ["--seconds", "0"], ["--streams", "a"]])
def test_what_cannot_be_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(arguments)
    assert arguments[0] in capsys.readouterr().err


def test_a_checkpoint_is_measured_as_well(tiny_checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "load.json"
    command = ["benchmarks/load.py", "--checkpoint", str(tiny_checkpoint), "--streams", "1", "--seconds", "0.5"]
    options = ["--device", "cpu", "--threads", "1", "--json", str(path)]
    done = subprocess.run(
        [sys.executable, *command, *options], cwd=PROJECT_DIR, capture_output=True, text=True, check=True
    )
    report = json.loads(path.read_text())
    assert report["weights"] == str(tiny_checkpoint)
    assert report["slots"] == 2
    assert done.stdout.splitlines() == "\n".join(table_of(report)).splitlines()
    assert all(row["audio_per_second"] > 0 and row["step_p50"] > 0 for row in report["rows"])
