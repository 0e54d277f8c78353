"""Two commits in turns: what is asked of each, what is made of it, and what is said when one of them ends."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import commits
from benchmarks.commits import Checkout, measured
from benchmarks.heard import Heard
from benchmarks.provenance import PROJECT_DIR

# Half a second of sound after a tenth of a second, and another one after `tokens` tenths.
SPEAKER = """
import json, sys
print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps([[[0.1, 12000], [tokens / 10, 12000]] for _, tokens, _ in json.loads(line)]), flush=True)
"""


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Checkout:
    monkeypatch.setattr(commits, "SPEAKER", SPEAKER)
    return Checkout(PROJECT_DIR, {}, tmp_path)


def test_a_checkout_speaks_what_it_is_told(checkout: Checkout) -> None:
    with checkout:
        assert checkout.speak([("One.", 20, 0), ("Two.", 30, 1)]) == [
            Heard.of([(0.1, 12_000), (tokens / 10, 12_000)]) for tokens in (20, 30)
        ]


@pytest.mark.parametrize(
    ("speaker", "message"), [("raise SystemExit(1)", "has ended"), ("print('sorry')", "could not be loaded")]
)
def test_one_that_cannot_speak_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, speaker: str, message: str
) -> None:
    monkeypatch.setattr(commits, "SPEAKER", speaker)
    broken = Checkout(PROJECT_DIR, {}, tmp_path)
    with pytest.raises(RuntimeError, match=message):
        broken.__enter__()
    broken.__exit__()


def test_both_are_measured_in_turns(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commits, "TOKENS", (20, 25, 30))
    with checkout:
        results = measured({"before": checkout, "after": checkout}, ttfa_turns=2, repeat=2, streams=4)
    expected = {"TTFA, s": 0.1, "28 s, s": 3.0, "playable, s": 2.5, "4 streams, audio s per s": 2.0}
    assert results == {name: pytest.approx(expected) for name in ("before", "after")}
    turns = [line for line in capsys.readouterr().err.splitlines() if line.startswith("turn")]
    assert turns == [f"turn {turn}: {name}" for turn in (1, 2) for name in ("before", "after")]


def test_it_compares_this_checkout_with_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the weights, which the engines would need."""
    path = tmp_path / "commits.json"
    monkeypatch.setattr(commits, "SPEAKER", SPEAKER)
    monkeypatch.setattr(commits, "write_random_checkpoint", lambda folder, size: None)
    options = [
        "--before",
        str(PROJECT_DIR),
        "--repeat",
        "1",
        "--ttfa-turns",
        "1",
        "--streams",
        "2",
        "--json",
        str(path),
    ]
    monkeypatch.setattr(sys, "argv", ["commits.py", *options])
    commits.main()
    results = json.loads(path.read_text())["results"]
    measures = ["TTFA, s", "28 s, s", "playable, s", "2 streams, audio s per s"]
    assert {name: list(found) for name, found in results.items()} == dict.fromkeys(("before", "after"), measures)
    assert capsys.readouterr().out.count("| 1.00 |") == len(measures)
