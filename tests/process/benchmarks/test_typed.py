"""Typed texts: what is measured, of whom, and in which order."""

import json
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks import typed
from benchmarks.live_server import LiveServer
from benchmarks.provenance import PROJECT_DIR, commit
from benchmarks.typed import commit_of, first_audio, measure, parse


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A voice that every server has, short texts, no rest."""
    for name, value in {"VOICE_ID": "demo", "TEXTS": ("One two.", "One two three four."), "REST_SECONDS": 0.0}.items():
        monkeypatch.setattr(typed, name, value)


@pytest.mark.parametrize("words_per_second", [1000.0, None])
async def test_speech_begins_after_the_last_word(server: LiveServer, words_per_second: float | None) -> None:
    assert await first_audio(server, "One two three four.", words_per_second) > 0


async def test_checkouts_take_turns_and_each_length_is_typed_and_sent_at_once(
    server: LiveServer, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = await measure({"this": server, "that": server}, Namespace(repeat=2, words_per_second=1000.0))
    assert [(row["checkout"], row["characters"], row["how"]) for row in rows] == [
        (name, length, how) for length in (8, 19) for how in ("typed", "at once") for name in ("this", "that")
    ]
    assert all(len(row["all"]) == 2 and row["ttfa"] == sum(row["all"]) / 2 for row in rows)
    order = [line.rsplit(", ")[1] for line in capsys.readouterr().err.splitlines()]
    assert order == ["this", "that"] * 8


def test_a_checkout_is_named_by_its_commit_or_its_folder(tmp_path: Path) -> None:
    assert commit_of(PROJECT_DIR) == commit().rstrip("+")
    assert commit_of(tmp_path) == str(tmp_path)


def test_other_checkouts_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["typed.py", "--against", "a", "--against", "b", "--size", "tiny"])
    options = parse()
    assert (options.against, options.size, options.checkpoint) == ([Path("a"), Path("b")], "tiny", None)


def test_what_was_measured_is_printed_and_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"checkout": "abc", "characters": 8, "how": "typed", "ttfa": 0.25, "all": [0.25]}
    monkeypatch.setattr(typed, "run", lambda *_: [row])
    monkeypatch.setattr("benchmarks.typed.signal.signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["typed.py", "--json", str(tmp_path / "typed.json")])
    typed.main()
    assert capsys.readouterr().out.split() == ["abc", "8", "characters", "typed", "250", "ms"]
    assert json.loads((tmp_path / "typed.json").read_text())["rows"] == [row]
