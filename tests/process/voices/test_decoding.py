"""The process that decodes, and what becomes of one that goes wrong."""

import json
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.pure.voices.recordings import LIMITS, RATE, encoded, recording, speech
from voices import decoding
from voices.clips import ClipError, inspect_clip
from voices.containers import Container
from voices.decoding import UNEDITED, DecodeLimits, DecoderUnavailable, Edit, Unreadable, measure, measured_copy
from voices.survey import Part, copy_rate

WAV = Container("wav", "wav")
PLENTY = DecodeLimits(seconds=60.0, memory=2**28, rates=(8_000, 192_000), channels=2, most_sound=10.0)
# Longer than any pipe.
CONTENT = recording(8.0)
# A second of it takes 1.5 MB: where there is room for 1 MB, that is the first that fails, and no library's own small needs.
LARGE = encoded(speech(3.0, rate=192_000, channels=2), rate=192_000)
LITTLE_MEMORY = 2**20 - 2 * len(LARGE)


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of the decoder: a script to be written."""
    path = tmp_path / "child.py"
    monkeypatch.setattr(decoding, "CHILD", path)
    return path


def limits(**changes: object) -> DecodeLimits:
    return DecodeLimits(**{**vars(PLENTY), **changes})


@pytest.mark.parametrize("kind", ["AU", "NIST", "IRCAM", "SVX", "VOC", "AVR", "MAT5", "PAF"])
def test_no_other_decoder_is_ever_begun(kind: str, child: Path) -> None:
    with pytest.raises(ClipError, match="This file cannot be read as audio"):
        inspect_clip(encoded(speech(1.0), container=kind), LIMITS)  # a child that does not exist would be another error


# What the process is


def test_the_process_can_open_nothing_and_knows_no_secret(child: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real one, and then what it could do if it were not ours any more."""
    monkeypatch.setenv("DATABASE_URL", "postgres://user:password@host/name")
    attempts = """
done = {"environment": dict(os.environ), "folder": os.getcwd()}
for name, attempt in {
    "file": lambda: open("/etc/passwd"),
    "socket": socket.socket,
    "limit": lambda: resource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40)),
}.items():
    try:
        attempt()
    except (OSError, ValueError):
        done[name] = "refused"
sink.write(json.dumps(done).encode())
return
"""
    source = Path(decoding.__file__).with_name("decode_child.py").read_text()
    assert "    _limit(task)\n" in source
    body = "".join(f"    {line}\n" for line in attempts.strip().splitlines())
    child.write_text(source.replace("    _limit(task)\n", f"    import os, socket\n    _limit(task)\n{body}"))
    told = json.loads(decoding._run(CONTENT, WAV, PLENTY, UNEDITED, most_samples=0))
    assert told["folder"] == "/"
    assert "DATABASE_URL" not in told["environment"]
    assert (told["file"], told["socket"]) == ("refused", "refused")
    if os.geteuid():  # root may raise any limit
        assert told["limit"] == "refused"


def test_only_some_are_at_work_at_once(child: Path) -> None:
    """As many as hold a lock: more could never begin together."""
    child.write_text("import sys, json\nsys.stdin.buffer.read()\nprint(json.dumps({}))")
    assert decoding._room.acquire(blocking=False)
    assert decoding._room.acquire(blocking=False)
    waiting = threading.Thread(target=lambda: measure(CONTENT, WAV, PLENTY))
    waiting.start()
    try:
        assert not decoding._room.acquire(blocking=False)
        assert waiting.is_alive()
    finally:
        decoding._room.release()
        decoding._room.release()
    waiting.join()


# What goes wrong


@pytest.mark.parametrize(
    ("script", "is_limit"),
    [
        pytest.param("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", False, id="dies"),
        pytest.param("import os; os.abort()", False, id="aborts before it has read"),
        pytest.param("import sys; sys.stdin.buffer.read(); sys.exit(1)", False, id="fails"),
        pytest.param("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", True, id="uses up its time"),
        pytest.param("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", True, id="is killed"),
        pytest.param(
            "import sys\nsys.stdin.buffer.read()\nwhile True: sys.stdout.write('x' * 1000)", False, id="writes for ever"
        ),
        pytest.param("pass", False, id="says nothing"),
        pytest.param("print('[' * 20000)", False, id="says nonsense"),
        pytest.param("print('{\"frames\": -1}')", False, id="counts below zero"),
        pytest.param("print('{\"energy\": NaN}')", False, id="measures what is no number"),
        pytest.param("print('{\"peaks\": [' + '0.5,' * 300 + '0.5]}')", False, id="has too many peaks"),
        pytest.param('print(\'{"words": "<b>"}\')', False, id="says more than it is asked"),
    ],
)
def test_a_decoder_that_goes_wrong_ends_alone(child: Path, script: str, is_limit: bool) -> None:
    child.write_text(script)
    with pytest.raises(Unreadable) as raised:
        measure(CONTENT, WAV, PLENTY)
    assert raised.value.is_limit is is_limit


@pytest.mark.parametrize(
    "script", ["import time; time.sleep(600)", "while True: pass", "import os, time; os.close(1); time.sleep(600)"]
)
def test_a_decoder_that_does_not_end_is_ended(child: Path, script: str) -> None:
    child.write_text(script)
    with pytest.raises(Unreadable) as raised:
        measure(CONTENT, WAV, limits(seconds=0.5))
    assert raised.value.is_limit


def test_too_little_time_and_too_little_memory_are_said() -> None:
    with pytest.raises(Unreadable) as raised:
        measure(CONTENT, WAV, limits(seconds=0.001))
    assert raised.value.is_limit
    assert measure(LARGE, WAV, limits(memory=LITTLE_MEMORY)).problem == "too_large"


def test_a_recording_that_takes_too_much_memory_is_refused_with_the_setting() -> None:
    changed = type(LIMITS)(**{**vars(LIMITS), "max_decode_bytes": LITTLE_MEMORY, "max_bytes": len(LARGE)})
    with pytest.raises(ClipError, match=r"than voices\.max_decode_seconds and voices\.max_decode_megabytes allow"):
        inspect_clip(LARGE, changed)


def test_an_installation_without_a_decoder_is_no_fault_of_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(DecoderUnavailable, match="No module named"):
        measure(CONTENT, WAV, PLENTY)


# The sound itself


def test_the_sound_is_the_mean_of_the_channels_bit_for_bit() -> None:
    sound = speech(1.0, channels=2) * [1.0, 0.5]
    decoded, found = measured_copy(encoded(sound, subtype="FLOAT"), WAV, PLENTY, most_seconds=10.0)
    assert decoded.sample_rate == RATE
    assert np.array_equal(found, sound.astype(np.float32).mean(axis=1))


def test_no_more_sound_comes_than_is_asked_for() -> None:
    _, found = measured_copy(CONTENT, WAV, PLENTY, most_seconds=1.5)
    assert len(found) == int(1.5 * RATE)


@pytest.mark.parametrize("content", [b"RIFF\0\0\0\0WAVE" + bytes(100), encoded(speech(1.0, rate=4_000), rate=4_000)])
def test_what_is_no_usable_recording_gives_no_sound(content: bytes) -> None:
    _, found = measured_copy(content, WAV, PLENTY, most_seconds=1.0)
    assert not len(found)


def test_a_part_is_what_was_chosen_and_as_loud_as_was_chosen() -> None:
    sound = speech(4.0)
    edit = Edit(Part(1.0, 3.0), gain=-6.0)
    decoded, found = measured_copy(encoded(sound, subtype="FLOAT"), WAV, PLENTY, edit, most_seconds=10.0)
    begin = round(1.0 * RATE / 110) * 110  # whole pieces of 5 ms
    wanted = sound[begin : begin + len(found), 0].astype(np.float32) * np.float32(edit.factor)
    assert len(found) == pytest.approx(2.0 * RATE, abs=110)
    assert np.array_equal(found, wanted)
    assert decoded.frames == len(sound)


@pytest.mark.parametrize(("rate", "copied"), [(48_000, 48_000), (88_200, 44_100), (96_000, 48_000), (192_000, 48_000)])
def test_a_copy_has_a_whole_part_of_the_sample_rate(rate: int, copied: int) -> None:
    content = encoded(speech(1.5, rate=rate), rate=rate, subtype="FLOAT")
    _, found = measured_copy(content, WAV, PLENTY, most_seconds=10.0)
    assert copy_rate(rate) == copied
    wanted = speech(1.5, rate=copied)[:, 0]
    assert len(found) == pytest.approx(len(wanted), abs=2)
    heard, spoken = (np.abs(np.fft.rfft(part[:copied]))[:4_000] for part in (found, wanted))
    assert np.corrcoef(heard, spoken)[0, 1] > 0.999
