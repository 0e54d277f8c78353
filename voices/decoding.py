"""Recordings are decoded in a process of their own, which is given limits of time and memory: `decode_child`.

What comes back is as little trusted as the recording, for it is what the decoder has made of it: a bounded number of bytes,
checked like a client's.
"""

import json
import logging
import math
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from voices.containers import Container
from voices.decode_child import CANNOT_START, TOO_LARGE, Task
from voices.plain_wav import BYTES_PER_SAMPLE
from voices.survey import HIGHEST_COPY_RATE, PEAK_COUNT, WHOLE, Part, copy_rate

logger = logging.getLogger("voices.decoding")

CHILD = Path(__file__).with_name("decode_child.py")
# Processes at once. Whoever comes later waits: each of them takes a core and some memory.
AT_ONCE = 2
# Bytes: one line of JSON with 200 peaks has about 1600.
MOST_TOLD = 32 * 1024
# What a decoder may need of the environment. The rest (passwords of databases) is none of its business.
_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# How a process ends that needs more of the processor's time, or where the system has no memory left. (One that needs more
# than its own memory goes on, and says so.)
_OF_LIMITS = (signal.SIGXCPU, signal.SIGKILL)

_room = threading.BoundedSemaphore(AT_ONCE)
_Measure = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0)]


class DecoderUnavailable(Exception):
    """The process could not begin: that is this server's fault, not the recording's."""


class Unreadable(Exception):
    """The decoder has not come to its end. `is_limit`: because it needed more than it may have."""

    def __init__(self, *, is_limit: bool) -> None:
        super().__init__()
        self.is_limit = is_limit


@dataclass(frozen=True)
class DecodeLimits:
    """Seconds on the clock and of the processor; bytes of memory, beyond the program and the file; what is read at all:
    sample rates in Hz, channels, seconds of sound."""

    seconds: float
    memory: int
    rates: tuple[int, int]
    channels: int
    most_sound: float


class Decoded(BaseModel):
    """What the decoder says of a recording: see `survey.Measured`. `declared_seconds`: by the file, if that knows. `codec`:
    the name of one that is not read. `lost_seconds`: what is damaged or missing. The measures are 0 if nothing was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    problem: Literal["not_audio", "no_sound", "unknown_codec", "not_finite", "too_large"] | None = None
    codec: Annotated[str, Field(max_length=32, pattern=r"^[a-z0-9_]*$")] = ""
    sample_rate: _Count = 0
    channels: _Count = 0
    declared_seconds: _Measure | None = None
    frames: _Count = 0
    lost_seconds: _Measure = 0.0
    chosen: _Count = 0
    speech_frames: _Count = 0
    power: _Measure = 0.0
    clipped: _Measure = 0.0
    noise: _Measure = 0.0
    peak: _Measure = 0.0
    peaks: Annotated[list[Annotated[float, Field(ge=0.0, le=1.0)]], Field(max_length=PEAK_COUNT)] = []


@dataclass(frozen=True)
class Edit:
    """What is done to a recording before a model reads it. `gain` in dB."""

    part: Part = WHOLE
    gain: float = 0.0

    @property
    def factor(self) -> float:
        return float(10 ** (self.gain / 20))


UNEDITED = Edit()


def measure(content: bytes, kind: Container, limits: DecodeLimits, edit: Edit = UNEDITED) -> Decoded:
    """Decode a recording to its end. Raises Unreadable and DecoderUnavailable."""
    return _decoded(_run(content, kind, limits, edit, most_samples=0))


def measured_copy(
    content: bytes, kind: Container, limits: DecodeLimits, edit: Edit = UNEDITED, *, most_seconds: float
) -> tuple[Decoded, NDArray[np.float32]]:
    """What `measure` says, and the part of a recording in which somebody speaks, as one channel at `copy_rate`: at most so
    many seconds, from its beginning; none of a recording with a problem. Raises Unreadable and DecoderUnavailable."""
    low, high = limits.rates
    written = _run(content, kind, limits, edit, most_samples=int(most_seconds * min(high, HIGHEST_COPY_RATE)))
    told, _, sound = written.partition(b"\n")
    decoded = _decoded(told)
    if decoded.problem or not low <= decoded.sample_rate <= high:
        return decoded, np.zeros(0, np.float32)
    most = int(most_seconds * copy_rate(decoded.sample_rate)) * BYTES_PER_SAMPLE
    if len(sound) % BYTES_PER_SAMPLE:
        raise Unreadable(is_limit=False)
    return decoded, np.frombuffer(sound[:most], dtype="<f4")


def _decoded(told: bytes) -> Decoded:
    try:
        return Decoded.model_validate_json(told)
    except ValidationError:
        logger.warning("The decoder of a recording has answered what it cannot have measured")
        raise Unreadable(is_limit=False) from None


def _run(content: bytes, kind: Container, limits: DecodeLimits, edit: Edit, *, most_samples: int) -> bytes:
    """What the process writes. Raises Unreadable and DecoderUnavailable."""
    most = MOST_TOLD + most_samples * BYTES_PER_SAMPLE
    task: Task = {
        "path": [os.path.abspath(entry) for entry in sys.path if entry],
        "memory": limits.memory + 2 * len(content),
        "seconds": math.ceil(limits.seconds),
        "demuxer": kind.demuxer,
        "rates": limits.rates,
        "channels": limits.channels,
        "most_seconds": limits.most_sound,
        "part": (edit.part.start, edit.part.end),
        "gain": edit.factor,
        "most_samples": most_samples,
    }
    with _room:
        status, written, is_late = _exchange(
            json.dumps(task), memoryview(content)[kind.start : kind.end], seconds=limits.seconds, most=most
        )
    if status == CANNOT_START:
        raise DecoderUnavailable(written.decode(errors="replace"))
    if status or is_late or len(written) > most:
        logger.warning("The decoder of a recording has ended with status %d%s", status, ", late" if is_late else "")
        is_limit = is_late or status == TOO_LARGE or -status in _OF_LIMITS
        raise Unreadable(is_limit=len(written) <= most and is_limit)
    return written


def _exchange(task: str, content: memoryview, *, seconds: float, most: int) -> tuple[int, bytes, bool]:
    """Give the process the recording: its exit status, at most `most` + 1 bytes of what it writes, and whether it was
    ended because its time was over."""
    is_late = threading.Event()
    with subprocess.Popen(
        [sys.executable, "-I", "-S", str(CHILD), task],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=_ONE_THREAD | {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    ) as process:

        def end() -> None:
            is_late.set()
            process.kill()

        timer = threading.Timer(seconds, end)
        timer.start()
        try:
            written = _talk(process, content, most)
            process.wait()
        except BaseException:
            process.kill()
            raise
        finally:
            timer.cancel()
    return process.returncode, written, is_late.is_set()


def _talk(process: "subprocess.Popen[bytes]", content: memoryview, most: int) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("A process was started without pipes.")
    with suppress(BrokenPipeError), process.stdin:  # it may end before it has read everything
        process.stdin.write(content)
    written = process.stdout.read(most + 1)
    if len(written) > most:
        process.kill()
    return written
