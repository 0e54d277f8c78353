"""The contract's values as bytes and back: one msgpack array per message, first the type's name, then its fields.

Unlike a pickle, a frame can do nothing but be data, so it may come from another machine.
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any

import msgpack
import numpy as np

from streaming.engine.contract import EngineInfo, Failed, Finished, PcmChunk, SpeechRequest, VoiceRef


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine is loaded and warm."""

    info: EngineInfo


@dataclass(frozen=True, slots=True)
class Broken:
    """The engine cannot be loaded; the process ends after this."""

    message: str


@dataclass(frozen=True, slots=True)
class Cancel:
    request_id: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Finish and leave the process."""


Frame = SpeechRequest | Cancel | Stop | PcmChunk | Finished | Failed | Ready | Broken


class FramingError(Exception):
    """The bytes are not a message of this protocol."""


def _pcm_chunk(request_id: str, samples: bytes, text_end: int | None, last: bool) -> PcmChunk:
    return PcmChunk(request_id, np.frombuffer(samples, dtype="<f4"), text_end, last)


def _speech_request(request_id: str, text: str, voice: list[Any], *rest: Any) -> SpeechRequest:
    key, clips = voice
    return SpeechRequest(request_id, text, VoiceRef(key, tuple(clips)), *rest)


def _ready(info: list[Any]) -> Ready:
    name, sample_rate, languages, clones, notice = info
    return Ready(EngineInfo(name, sample_rate, tuple(languages), clones, notice))


_BUILDERS: dict[str, Callable[..., Frame]] = {
    "SpeechRequest": _speech_request,
    "Cancel": Cancel,
    "Stop": Stop,
    "PcmChunk": _pcm_chunk,
    "Finished": Finished,
    "Failed": Failed,
    "Ready": _ready,
    "Broken": Broken,
}


def encode(frame: Frame) -> bytes:
    if isinstance(frame, PcmChunk):
        fields: tuple[Any, ...] = (frame.request_id, frame.samples.astype("<f4").tobytes(), frame.text_end, frame.last)
    else:
        fields = astuple(frame)
    packed: bytes = msgpack.packb([type(frame).__name__, *fields])
    return packed


def decode(data: bytes) -> Frame:
    """Raises FramingError."""
    try:
        name, *fields = msgpack.unpackb(data)
        return _BUILDERS[name](*fields)
    except (ValueError, KeyError, TypeError, msgpack.UnpackException) as error:
        raise FramingError(f"not a frame: {error}") from error
