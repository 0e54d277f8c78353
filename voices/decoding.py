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

from voices.decode_child import CANNOT_START, PEAK_COUNT, Task
from voices.plain_wav import BYTES_PER_SAMPLE

logger = logging.getLogger("voices.decoding")

CHILD = Path(__file__).with_name("decode_child.py")
# Processes at once. Whoever comes later waits: each of them takes a core and some memory.
AT_ONCE = 2
# Bytes: one line of JSON with 200 peaks has about 1500.
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
    """What the decoder says of a recording. `declared_seconds`: by the file's header, if that knows; the measures are of
    what was read, 0 if nothing was."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    problem: Literal["not_audio", "damaged", "not_finite", "too_large"] | None = None
    format: Annotated[str, Field(max_length=16)] = ""
    sample_rate: _Count = 0
    channels: _Count = 0
    declared_seconds: _Measure | None = None
    frames: _Count = 0
    energy: _Measure = 0.0
    clipped: _Measure = 0.0
    peak: _Measure = 0.0
    peaks: Annotated[list[Annotated[float, Field(ge=0.0, le=1.0)]], Field(max_length=PEAK_COUNT)] = []


def container(content: bytes) -> Literal["wav", "flac", "ogg", "mp3"] | None:
    """What the first bytes say that the file is: only these are given to a decoder. None: something else."""
    start = _behind_tags(content)
    head = content[start : start + 12]
    if head[:4] in (b"RIFF", b"RIFX") and head[8:] == b"WAVE":
        return "wav"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        return "ogg"
    # The first eleven bits of an MP3 frame are set.
    return "mp3" if len(head) > 1 and head[0] == 0xFF and head[1] >= 0xE0 else None


def _behind_tags(content: bytes) -> int:
    """Where the sound begins behind the tags that MP3 files may begin with. (ID3v2: a head of 10 bytes, the last four with
    the size of the rest, seven bits in each.)"""
    start = 0
    while content[start : start + 3] == b"ID3" and len(content) >= start + 10:
        a, b, c, d = (byte & 0x7F for byte in content[start + 6 : start + 10])
        start += 10 + (a << 21 | b << 14 | c << 7 | d)
    return start


def measure(content: bytes, limits: DecodeLimits) -> Decoded:
    """Decode a recording to its end. Raises Unreadable and DecoderUnavailable."""
    return _decoded(_run(content, limits, most=MOST_TOLD))


def samples(content: bytes, limits: DecodeLimits) -> tuple[NDArray[np.float32], int]:
    """The beginning of a recording as one channel, and its sample rate in Hz. Raises Unreadable and DecoderUnavailable."""
    most = MOST_TOLD + int(limits.most_sound * limits.rates[1]) * BYTES_PER_SAMPLE
    told, _, sound = _run(content, limits, most=most, wants_samples=True).partition(b"\n")
    decoded = _decoded(told)
    low, high = limits.rates
    if decoded.problem or not low <= decoded.sample_rate <= high or len(sound) % BYTES_PER_SAMPLE:
        raise Unreadable(is_limit=decoded.problem == "too_large")
    return np.frombuffer(sound, dtype="<f4"), decoded.sample_rate


def _decoded(told: bytes) -> Decoded:
    try:
        return Decoded.model_validate_json(told)
    except ValidationError:
        logger.warning("The decoder of a recording has answered what it cannot have measured")
        raise Unreadable(is_limit=False) from None


def _run(content: bytes, limits: DecodeLimits, *, most: int, wants_samples: bool = False) -> bytes:
    """What the process writes. Raises Unreadable and DecoderUnavailable."""
    task: Task = {
        "path": [os.path.abspath(entry) for entry in sys.path if entry],
        "memory": limits.memory + 2 * len(content),
        "seconds": math.ceil(limits.seconds),
        "rates": limits.rates,
        "channels": limits.channels,
        "most_seconds": limits.most_sound,
        "wants_samples": wants_samples,
    }
    with _room:
        status, written, is_late = _exchange(json.dumps(task), content, seconds=limits.seconds, most=most)
    if status == CANNOT_START:
        raise DecoderUnavailable(written.decode(errors="replace"))
    if status or is_late or len(written) > most:
        logger.warning("The decoder of a recording has ended with status %d%s", status, ", late" if is_late else "")
        raise Unreadable(is_limit=len(written) <= most and (is_late or -status in _OF_LIMITS))
    return written


def _exchange(task: str, content: bytes, *, seconds: float, most: int) -> tuple[int, bytes, bool]:
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


def _talk(process: "subprocess.Popen[bytes]", content: bytes, most: int) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("A process was started without pipes.")
    with suppress(BrokenPipeError), process.stdin:  # it may end before it has read everything
        process.stdin.write(content)
    written = process.stdout.read(most + 1)
    if len(written) > most:
        process.kill()
    return written
