"""The options of `manage.py bench_stream`, and what it says of those that are wrong."""

from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from streaming.management.commands import bench_stream
from streaming.management.commands.bench_stream import address, between, kinds, turns, weights


def test_names_have_weights() -> None:
    assert weights("demo") == {"demo": 1.0}
    assert weights("anna=2,bert=0.5") == {"anna": 2.0, "bert": 0.5}
    assert kinds("http=3,native") == {"http": 3.0, "native": 1.0}


@pytest.mark.parametrize("text", ["", "anna=0", "anna=-1", "=2", "anna=x", "anna=inf", "anna=nan", "a,,b"])
def test_a_weight_is_a_number_above_0(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="no name with a weight above 0"):
        weights(text)


@pytest.mark.parametrize(
    ("parse", "text", "sentence"),
    [
        (kinds, "native,fax", "'fax' is none of native, elevenlabs, multi, http"),
        (turns, "0", "no number of turns"),
        (turns, "3-2", "no number of turns"),
        (turns, "many", "no number of turns"),
        (address, "speech.example.com", "is no address"),
        (address, "ws://x", "is no address"),
        (address, "http://x?y", "is no address"),
        (between(0, 1), "1.5", "is not between 0 and 1"),
        (between(0, 1), "nan", "is not between 0 and 1"),
        (between(0, 1), "x", "is not between 0 and 1"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(parse: Any, text: str, sentence: str) -> None:
    with pytest.raises(ArgumentTypeError, match=sentence):
        parse(text)


def test_turns_are_a_number_or_a_range() -> None:
    assert turns("3") == (3, 3)
    assert turns("2-5") == (2, 5)


def test_a_picture_needs_matplotlib_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench_stream, "find_spec", lambda name: None if name == "matplotlib" else object())
    with pytest.raises(CommandError, match=r"not installed \(matplotlib\): run `pip install matplotlib`"):
        call_command("bench_stream", "--png", str(tmp_path / "x.png"))


def test_a_result_that_cannot_be_written_is_refused_before_the_load(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("bench_stream", "--json", str(tmp_path / "nowhere" / "x.json"))


@pytest.mark.parametrize(("content", "sentence"), [(b"\n \n", "has no text in it"), (b"\xff", "it is not UTF-8")])
def test_a_file_of_texts_has_texts(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "texts.txt"
    path.write_bytes(content)
    with pytest.raises(CommandError, match=sentence):
        call_command("bench_stream", "--texts", str(path))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"key cannot be read: No such file"):
        call_command("bench_stream", "--key-file", str(tmp_path / "key"))
