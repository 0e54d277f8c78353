"""Hundreds of malformed and hostile files, uploaded one by one: none crashes, none takes more than its bound, none leaves a
file."""

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from tests.process.voices.decoder import Decoder
from tests.process.voices.hostile_files import good_files, odd_files, spoiled
from voices import decoding
from voices.decode_child import TOO_LARGE
from voices.library import create_voice
from voices.models import ReferenceClip

# Of the processor, and of memory beyond the program and twice the file.
SECONDS, MEGABYTES = 2, 64
# The decoder has come to its end, or was ended by its limits. Anything else is a crash.
ENDINGS = {0, TOO_LARGE, -signal.SIGXCPU, -signal.SIGKILL}
GOOD, ODD = good_files(), odd_files()


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as running:
        yield running


@pytest.fixture(autouse=True)
def media_root(settings: Settings, tmp_path: Path, decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.MEDIA_ROOT = tmp_path
    limits = {"max_clip_seconds": 10, "max_decode_seconds": SECONDS, "max_decode_megabytes": MEGABYTES}
    settings.XTTS = {"voices": limits}
    monkeypatch.setattr(decoding, "_exchange", decoder.exchange)
    decoder.runs.clear()
    return tmp_path


def upload(content: bytes) -> str:
    """What is said of the file: its refusal, or that it is used."""
    try:
        create_voice("Anna", [SimpleUploadedFile("a", content)], description="", labels={}, language="")
    except ValidationError as refusal:
        return refusal.messages[0]
    return "used"


def assert_bounded(decoder: Decoder, program: int, largest: int) -> None:
    assert {run.status for run in decoder.runs} <= ENDINGS, Counter(run.status for run in decoder.runs)
    assert max(run.cpu for run in decoder.runs) < SECONDS + 1
    assert max(run.memory for run in decoder.runs) < program + (MEGABYTES * 2**20 + 2 * largest)


def assert_no_file_without_a_row(folder: Path) -> None:
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {name for row in ReferenceClip.objects.values_list("file", "model_copy") for name in row}


@pytest.fixture
def program(decoder: Decoder, media_root: Path) -> int:
    """The memory of a decoder that has read a good and small file."""
    assert upload(GOOD["wav"]) == "used"
    return decoder.runs.pop().memory


@pytest.mark.parametrize("kind", GOOD)
def test_a_spoiled_file_harms_nobody(db: None, decoder: Decoder, media_root: Path, program: int, kind: str) -> None:
    assert upload(GOOD[kind]) == "used"
    files = list(spoiled(GOOD[kind], seed=7))
    assert len(files) >= 26
    said = Counter(upload(content)[:40] for content in files)
    assert_bounded(decoder, program, max(map(len, files)))
    assert_no_file_without_a_row(media_root)
    assert said["used"] < len(files) / 2, said


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_file_is_refused_with_a_sentence(
    db: None, decoder: Decoder, media_root: Path, program: int, kind: str
) -> None:
    said = upload(ODD[kind])
    assert said == "used" if kind in USED else said.endswith((".", "that.")), said
    if decoder.runs:
        assert_bounded(decoder, program, len(ODD[kind]))
    assert_no_file_without_a_row(media_root)


# Odd, but the voice in it is whole.
USED = {"hardly anything"}
