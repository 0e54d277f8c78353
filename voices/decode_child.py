"""Reads one recording in a process of its own: `voices.decoding` runs this file as a script.

Decoders of audio files are large, and were written for files that nobody made to harm them. Here one has nothing to harm:
a process that has been given limits before it sees the first byte, that can open no file and no socket, and that ends when
the recording is read.

The only argument is the task as JSON, standard input is the file, standard output is one line of JSON and, if the task asks
for them, the samples. This file imports nothing of the project, so that the process starts as fast as it can.
"""

import json
import resource
import sys
from contextlib import suppress
from typing import Any, BinaryIO, TypedDict

# The exit status of a process that could not begin, which is no fault of the recording.
CANNOT_START = 3
# What sf_count_t says where a file does not know its length: FLAC that was written to a pipe.
UNKNOWN_FRAMES = 2**62
CLIPPED_AT = 0.999
PEAK_COUNT = 200
PEAKS_PER_SECOND = 400


class Task(TypedDict):
    """`path`: where modules are. `memory`: bytes beyond what the loaded program takes. `seconds`: of processor time.
    `rates`: the lowest and the highest sample rate, and `channels` the most, that are read at all. `most_seconds`: how much
    of the sound is read. `wants_samples`: the sound itself, not its measures."""

    path: list[str]
    memory: int
    seconds: int
    rates: tuple[int, int]
    channels: int
    most_seconds: float
    wants_samples: bool


def main(task: Task, source: BinaryIO, sink: BinaryIO) -> None:
    try:
        import numpy as np  # noqa: F401 (loaded before the limits, like the next one)
        import soundfile
    except ImportError as error:
        sink.write(str(error).encode())
        raise SystemExit(CANNOT_START) from None
    _limit(task)
    try:
        content = source.read()
        try:
            _read(soundfile, content, task, sink)
        except soundfile.SoundFileError:
            _tell(sink, problem="not_audio")
    except MemoryError:
        _tell(sink, problem="too_large")


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


def _read(soundfile: Any, content: bytes, task: Task, sink: BinaryIO) -> None:
    import io

    # Bytes, never the upload itself: its name would let the uploader choose the decoder.
    with soundfile.SoundFile(io.BytesIO(content)) as sound:
        header = {"format": sound.format, "sample_rate": sound.samplerate, "channels": sound.channels}
        low, high = task["rates"]
        if not low <= sound.samplerate <= high or sound.channels > task["channels"]:
            _tell(sink, **header)
            return
        if sound.frames < UNKNOWN_FRAMES:
            header["declared_seconds"] = sound.frames / sound.samplerate
        if task["wants_samples"]:
            _tell(sink, **header)
            _copy(soundfile, sound, task, sink)
        elif header.get("declared_seconds", 0.0) > task["most_seconds"]:
            _tell(sink, **header)
        else:
            _tell(sink, **header, **_measured(soundfile, sound, task))


def _measured(soundfile: Any, sound: Any, task: Task) -> dict[str, Any]:
    """Decodes a second at a time, and stops soon after the most that is read, whatever the header said.

    `energy`, `peak` and `peaks` are those of the mono mix, `clipped` the frames at full scale (a stereo frame may be half
    clipped). The peaks are spread evenly over the recording.
    """
    import numpy as np

    hop = max(1, sound.samplerate // PEAKS_PER_SECOND)
    peaks, frames, energy, clipped = [], 0, 0.0, 0.0
    while frames <= task["most_seconds"] * sound.samplerate:
        try:
            block = sound.read(hop * PEAKS_PER_SECOND, dtype="float32", always_2d=True)
        except soundfile.SoundFileError:
            return {"problem": "damaged"}
        if not len(block):
            break
        if not np.isfinite(block).all():
            return {"problem": "not_finite"}
        mono = block.mean(axis=1)
        # All blocks but the last have a multiple of `hop` frames.
        padded = np.pad(np.abs(mono), (0, -len(mono) % hop))
        peaks.append(padded.reshape(-1, hop).max(axis=1))
        frames += len(mono)
        energy += float(np.square(mono, dtype=np.float64).sum())
        clipped += float((np.abs(block) >= CLIPPED_AT).mean()) * len(mono)
    if not peaks:
        return {"frames": 0}
    every = np.concatenate(peaks)
    shown = [round(min(1.0, float(part.max())), 3) for part in np.array_split(every, min(PEAK_COUNT, len(every)))]
    return {"frames": frames, "energy": energy, "clipped": clipped, "peak": float(every.max()), "peaks": shown}


def _copy(soundfile: Any, sound: Any, task: Task, sink: BinaryIO) -> None:
    """The mono mix as it is, float32 in little-endian order. What is damaged ends the copy."""
    left = int(task["most_seconds"] * sound.samplerate)
    while left > 0:
        try:
            block = sound.read(min(left, sound.samplerate), dtype="float32", always_2d=True)
        except soundfile.SoundFileError:
            return
        if not len(block):
            return
        sink.write(block.mean(axis=1).astype("<f4").tobytes())
        left -= len(block)


def _tell(sink: BinaryIO, **facts: Any) -> None:
    sink.write(json.dumps(facts).encode() + b"\n")


if __name__ == "__main__":
    given: Task = json.loads(sys.argv[1])
    sys.path[:] = given["path"]
    main(given, sys.stdin.buffer, sys.stdout.buffer)
