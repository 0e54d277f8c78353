"""Reads one recording in a process of its own: `voices.decoding` runs this file as a script.

Decoders of audio files are large, and were written for files that nobody made to harm them. Here one has nothing to harm:
a process that has been given limits before it sees the first byte, that can open no file and no socket, and that ends when
the recording is read.

The only argument is the task as JSON, standard input is the file, standard output is one line of JSON and, if the task asks
for them, the samples. Of the project, only the few files are imported that read sound, so that the process starts fast.
"""

import json
import resource
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voices.sound_file import Samples, SoundFile
    from voices.survey import Measured, Survey

# The exit status of a process that could not begin, which is no fault of the recording.
CANNOT_START = 3
# One that needs more memory than it has, and has begun to write sound.
TOO_LARGE = 4


class Task(TypedDict):
    """`path`: where modules are. `memory`: bytes beyond what the loaded program takes. `seconds`: of processor time.
    `demuxer`: FFmpeg's name of the container. `rates`: the lowest and the highest sample rate, and `channels` the most, that
    are read at all. `most_seconds`: how much of the sound is read. `part`: from which second to which (None: the end) it is
    used. `gain`: what the samples are multiplied by. `most_samples`: how many samples of the part with speech are wanted
    besides the measures, at `copy_rate`."""

    path: list[str]
    memory: int
    seconds: int
    demuxer: str
    rates: tuple[int, int]
    channels: int
    most_seconds: float
    part: tuple[float, float | None]
    gain: float
    most_samples: int


def main(task: Task, source: BinaryIO, sink: BinaryIO) -> None:
    try:
        # Whatever is needed, for nothing can be loaded once there are limits.
        from voices import sound_file

        _rehearse(task)
    except ImportError as error:
        sink.write(str(error).encode())
        raise SystemExit(CANNOT_START) from None
    _limit(task)
    try:
        content = source.read()
        try:
            _read(content, task, sink)
        except sound_file.NoSound:
            _tell(sink, problem="no_sound")
        except sound_file.UnknownCodec as error:
            _tell(sink, problem="unknown_codec", codec=str(error)[:32])
        except sound_file.NotAudio:
            _tell(sink, problem="not_audio")
    except MemoryError:
        _tell(sink, problem="too_large")


def _rehearse(task: Task) -> None:
    """Read a file of our own, for libraries load some of their parts when these are used."""
    import io

    import numpy as np

    from voices.plain_wav import plain_wav
    from voices.sound_file import resampler

    # The highest rate, which is resampled, and a tenth of a second.
    rate = task["rates"][1]
    wav = plain_wav(np.sin(np.arange(rate // 10), dtype=np.float32), rate)
    _read(wav, {**task, "demuxer": "wav", "most_samples": rate, "part": (0.0, None)}, io.BytesIO())
    resampler(1, rate)


def _limit(task: Task) -> None:
    """No way back: the hard limits as well."""
    limits = {
        resource.RLIMIT_AS: _loaded_bytes() + task["memory"],
        resource.RLIMIT_CPU: task["seconds"],
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        # Standard input, output and error are open: nothing else can be.
        resource.RLIMIT_NOFILE: 3,
        resource.RLIMIT_NPROC: 0,
    }
    for kind, most in limits.items():
        with suppress(ValueError, OSError):  # already lower, or not known to this system
            resource.setrlimit(kind, (most, most))


def _loaded_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 2**30


def _read(content: bytes, task: Task, sink: BinaryIO) -> None:
    from voices.sound_file import SoundFile
    from voices.survey import Part, Survey

    with SoundFile(content, task["demuxer"]) as sound:
        header: dict[str, Any] = {"sample_rate": sound.sample_rate, "channels": sound.channels}
        low, high = task["rates"]
        if not low <= sound.sample_rate <= high or not 0 < sound.channels <= task["channels"]:
            _tell(sink, **header)
            return
        header["declared_seconds"] = sound.declared_seconds
        survey = Survey(sound.sample_rate, sound.channels)
        if problem := _examine(sound, survey, task["most_seconds"]):
            _tell(sink, **header, frames=survey.frames, problem=problem)
            return
        lost = sound.lost_seconds() if survey.frames <= task["most_seconds"] * survey.sample_rate else 0.0
        headroom = sound.has_headroom
    measured = survey.measured(has_headroom=headroom, part=Part(*task["part"]))
    told = ("chosen", "speech_frames", "power", "clipped", "noise", "peak", "peaks")
    facts = {name: getattr(measured, name) for name in told}
    _tell(sink, **header, frames=survey.frames, lost_seconds=lost, **facts)
    if task["most_samples"] and survey.frames <= task["most_seconds"] * survey.sample_rate:
        try:
            with SoundFile(content, task["demuxer"]) as sound:
                _copy(sound, survey.block, measured, task, sink)
        except MemoryError:  # behind sound nothing can be told
            raise SystemExit(TOO_LARGE) from None


def _examine(sound: "SoundFile", survey: "Survey", most_seconds: float) -> str | None:
    """Decodes a second at a time, and stops soon after the most that is read, whatever the header said."""
    for block in sound.blocks(survey.block):
        survey.add(block)
        if not survey.is_finite:
            return "not_finite"
        if survey.frames > most_seconds * sound.sample_rate:
            break
    return None if survey.frames else "not_audio"


def _copy(sound: "SoundFile", size: int, measured: "Measured", task: Task, sink: BinaryIO) -> None:
    """The part with speech as one channel at the rate of copies, float32 in little-endian order."""
    from voices.sound_file import resampled
    from voices.survey import copy_rate

    most = task["most_samples"]
    heard = _heard(sound, size, measured, task["gain"])
    for part in resampled(heard, sound.sample_rate, copy_rate(sound.sample_rate)):
        sink.write(part[:most].astype("<f4").tobytes())
        most -= min(most, len(part))
        if not most:
            return


def _heard(sound: "SoundFile", size: int, measured: "Measured", gain: float) -> "Iterator[Samples]":
    """The samples of one channel that lie in the ranges of speech."""
    import numpy as np

    from voices.survey import candidates

    ranges, begin = list(measured.ranges), 0
    for block in sound.blocks(size):
        heard = candidates(block)[:, measured.chosen]
        if measured.scale != 1.0:
            heard = heard / np.float32(measured.scale)
        if gain != 1.0:
            heard = heard * np.float32(gain)
        while ranges and ranges[0][0] < begin + len(block):
            start, end = ranges[0]
            yield heard[max(0, start - begin) : end - begin]
            if end > begin + len(block):
                break
            ranges.pop(0)
        if not ranges:
            return
        begin += len(block)


def _tell(sink: BinaryIO, **facts: Any) -> None:
    sink.write(json.dumps(facts).encode() + b"\n")


if __name__ == "__main__":
    # systemd and a terminal send these to every process; but the server finishes its requests first.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    given: Task = json.loads(sys.argv[1])
    sys.path[:] = given["path"]
    main(given, sys.stdin.buffer, sys.stdout.buffer)
