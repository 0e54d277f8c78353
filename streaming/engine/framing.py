"""The contract's values as messages of bytes and back. A frame is one message, a msgpack array: first the type's name, then
its fields. Behind a Prepare its recordings follow, each a message, as they are: packing so many bytes into one would hold
up every other thread.

Unlike a pickle, a frame can do nothing but be data, so it may come from another machine.
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass, field, replace
from typing import Any

import msgpack
import numpy as np

from streaming.engine.contract import (
    EngineInfo,
    Expect,
    ExpectText,
    Failed,
    Finished,
    PcmChunk,
    Prepare,
    Prepared,
    SpeechRequest,
    VoiceRef,
)
from streaming.measures.distribution import Totals

# The longest frame in bytes, with all recordings of a voice. Neither side takes more from the other.
LARGEST_FRAME = 512 * 2**20


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine is loaded and warm."""

    info: EngineInfo


@dataclass(frozen=True, slots=True)
class Broken:
    """The engine cannot be loaded, or has failed; the process ends after this."""

    message: str


@dataclass(frozen=True, slots=True)
class Cancel:
    request_id: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Finish and leave the process."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Is the process alive? It answers with a Pong, also while it loads."""


@dataclass(frozen=True, slots=True)
class Pong:
    """It is. `step_seconds`: for how long the present step has lasted, if the engine reports steps; otherwise 0.
    `step_times`: how long all its steps took, if it measures them."""

    step_seconds: float = 0.0
    step_times: Totals = field(default_factory=Totals)


Command = SpeechRequest | Expect | ExpectText | Prepare | Cancel | Stop | Ping
Frame = Command | PcmChunk | Prepared | Finished | Failed | Ready | Broken | Pong


class FramingError(Exception):
    """The bytes are not a message of this protocol, or too many."""


@dataclass(frozen=True, slots=True)
class _Announced:
    """A Prepare whose recordings, of these sizes in bytes, are still to come."""

    frame: Prepare
    sizes: list[int]

    def with_clips(self, receive: Callable[[], bytes]) -> Prepare:
        clips = tuple(receive() for _ in self.sizes)
        if [len(clip) for clip in clips] != self.sizes:
            raise FramingError("not the recordings that were announced")
        return replace(self.frame, voice=replace(self.frame.voice, clips=clips))


def _pcm_chunk(request_id: str, samples: bytes, text_end: int | None, last: bool, piece_end: int | None) -> PcmChunk:
    return PcmChunk(request_id, np.frombuffer(samples, dtype="<f4"), text_end, last, piece_end)


def _speech_request(request_id: str, text: str, voice: list[Any], *rest: Any) -> SpeechRequest:
    return SpeechRequest(request_id, text, _voice_ref(*voice), *rest)


def _expect(request: list[Any]) -> Expect:
    return Expect(_speech_request(*request))


def _announced(request_id: str, voice: list[Any], sizes: list[int]) -> _Announced:
    if sum(sizes) > LARGEST_FRAME:
        raise FramingError(_too_much(sum(sizes)))
    return _Announced(Prepare(request_id, _voice_ref(*voice)), list(sizes))


def _voice_ref(key: str, clips: list[bytes], conditioning: bytes, speaker: str) -> VoiceRef:
    return VoiceRef(key, tuple(clips), conditioning, speaker)


def _ready(info: list[Any]) -> Ready:
    name, sample_rate, languages, *rest = info
    return Ready(EngineInfo(name, sample_rate, tuple(languages), *rest))


def _pong(step_seconds: float, step_times: list[Any]) -> Pong:
    total, counts = step_times
    return Pong(step_seconds, Totals(total, tuple(counts)))


def _finished(request_id: str, cancelled: bool, voices: list[str]) -> Finished:
    return Finished(request_id, cancelled, tuple(voices))


_BUILDERS: dict[str, Callable[..., Frame | _Announced]] = {
    "SpeechRequest": _speech_request,
    "Expect": _expect,
    "ExpectText": ExpectText,
    "Prepare": _announced,
    "Cancel": Cancel,
    "Stop": Stop,
    "Ping": Ping,
    "Pong": _pong,
    "PcmChunk": _pcm_chunk,
    "Prepared": Prepared,
    "Finished": _finished,
    "Failed": Failed,
    "Ready": _ready,
    "Broken": Broken,
}


def encode(frame: Frame) -> list[bytes]:
    """The messages of a frame. Raises FramingError for what is too large."""
    clips: tuple[bytes, ...] = ()
    match frame:
        case PcmChunk(request_id, samples, text_end, last, piece_end):
            sound = samples.astype("<f4").tobytes()
            fields: tuple[Any, ...] = (request_id, sound, text_end, last, piece_end)
        case Prepare(request_id, voice):
            clips = voice.clips
            fields = (request_id, astuple(replace(voice, clips=())), [len(clip) for clip in clips])
        case _:
            fields = astuple(frame)
    messages = [msgpack.packb([type(frame).__name__, *fields]), *clips]
    size = sum(map(len, messages))
    if size > LARGEST_FRAME:
        raise FramingError(_too_much(size))
    return messages


def decode(receive: Callable[[], bytes]) -> Frame:
    """The next frame; `receive` gives the next message. Raises FramingError, and whatever `receive` raises."""
    frame = _unpacked(receive())
    return frame.with_clips(receive) if isinstance(frame, _Announced) else frame


def _unpacked(message: bytes) -> Frame | _Announced:
    try:
        name, *fields = msgpack.unpackb(message)
        return _BUILDERS[name](*fields)
    except (ValueError, KeyError, TypeError, msgpack.UnpackException) as error:
        raise FramingError(f"not a frame: {error}") from error


def _too_much(size: int) -> str:
    return f"{size / 2**20:.0f} MB are more than the {LARGEST_FRAME / 2**20:.0f} MB of a frame"
