"""What the server and an engine exchange. Plain values only: a request travels to another process, and may travel to another
machine.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from streaming.measures.distribution import Distribution

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class VoiceRef:
    """A voice as a value. `key` stands for exactly these recordings ("" for a voice without any).

    `clips` are the audio files themselves, sent only to be prepared; `conditioning` is what `prepare` made of them, sent
    with every request. `speaker` names one of the engine's own voices, for a voice without recordings.
    """

    key: str = ""
    clips: tuple[bytes, ...] = ()
    conditioning: bytes = b""
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """One utterance. None leaves the choice to the engine. `language` is one of the engine's, or one of them with a region
    that has tables of its own for text normalization ("pt-PT")."""

    request_id: str
    text: str
    voice: VoiceRef = field(default_factory=VoiceRef)
    language: str = "en"
    speed: float = 1.0
    seed: int | None = None
    # Whether numbers, signs and markup are said in words; else only what no voice can read is changed.
    apply_text_normalization: bool = True
    # For XTTS: how tokens are sampled. `top_k` 0 and `top_p` 1 leave everything in.
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None
    # For XTTS. Tokens per chunk; samples of overlap; seconds of context.
    stream_chunk_size: int = 10
    overlap_wav_len: int = 512
    left_context_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Prepare:
    """Make conditioning of the voice's clips. Answered by one Prepared or Failed."""

    request_id: str
    voice: VoiceRef


@dataclass(frozen=True, slots=True)
class Expect:
    """A text that begins like this one will probably be spoken, with these settings: a request with this id follows, or a
    Cancel. Only for engines that read ahead. Is not answered, and may be forgotten at any time."""

    request: SpeechRequest


@dataclass(frozen=True, slots=True)
class ExpectText:
    """What is expected under this id has another text now, most likely a longer one."""

    request_id: str
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class PcmChunk:
    """Audio of the utterance: mono float32 in [-1, 1] at the engine's rate, any length, chunks in order. The last one says
    so; an utterance without a single audible character has no chunk at all.

    An engine speaks a text piece by piece, and a chunk is audio of one piece. `piece_end` is where that piece ends in the
    request's text; it begins where the piece before it ended. None stands for the end of the text. `text_end` is how far
    into the request's text the audio speaks at the end of this chunk, None if the engine cannot tell; it equals `piece_end`
    where the piece is over.
    """

    request_id: str
    samples: Samples
    text_end: int | None = None
    last: bool = False
    piece_end: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of a request that was spoken to its end or cancelled: its slot is free. `voices` are those of the
    engine's own voices that spoke, by name."""

    request_id: str
    cancelled: bool = False
    voices: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The last event of a preparation: what a request carries to speak with that voice. Valid only for engines with the same
    fingerprint."""

    request_id: str
    conditioning: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """The last event of a request that the engine could not finish. The engine itself goes on. The message may be shown to
    the client; `is_text`: because of its text."""

    request_id: str
    message: str
    is_text: bool = False


EngineEvent = PcmChunk | Prepared | Finished | Failed
Sink = Callable[[EngineEvent], None]


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine is: its sample rate in Hz, the languages it speaks, whether it speaks with uploaded recordings, and
    what its users should know (licence, limits). Conditioning is valid for engines with the same `fingerprint`. It speaks
    `slots` utterances at once. It `reads_ahead`: it can use a text that is still arriving (see ReadsAhead)."""

    name: str
    sample_rate: int
    languages: tuple[str, ...]
    clones: bool
    notice: str = ""
    fingerprint: str = ""
    slots: int = 1
    reads_ahead: bool = False


class SpeechEngine(Protocol):
    """An engine inside its process. `submit`, `prepare` and `cancel` come from another thread than `run` and return at
    once; every submitted request gets exactly one Finished or Failed, as its last event. If `run` raises, the process
    ends, and the server tells those whose last event has not come."""

    info: EngineInfo

    def warm_up(self) -> None:
        """Load and speak once, so that the first request is not slower than the second. Called first, in the thread of
        `run`."""

    def submit(self, request: SpeechRequest, sink: Sink) -> None:
        """Begin the utterance; its events go to `sink`, which may be called from any thread."""

    def prepare(self, request_id: str, voice: VoiceRef, sink: Sink) -> None:
        """Begin to make conditioning of the voice's clips; one Prepared or Failed goes to `sink`, which may be called from
        any thread."""

    def cancel(self, request_id: str) -> None:
        """End the utterance within one engine step. Unknown and finished ids do nothing. A preparation may go on;
        its last event comes in any case."""

    def run(self) -> None:
        """Work in the calling thread until `stop`."""

    def stop(self) -> None:
        """Make `run` return, after the engine has released everything."""


class ReadsAhead(SpeechEngine, Protocol):
    """An engine that begins its work on a text before the text is whole. Both calls come like `submit` and return at once.
    What is expected may cost nothing to those who speak."""

    def expect(self, request: SpeechRequest) -> None:
        """A text that begins like the request's will probably be submitted under the same id, or cancelled."""

    def expect_text(self, request_id: str, text: str) -> None:
        """The text that is expected under this id is now this one. Unknown ids do nothing."""


@runtime_checkable
class ReportsSteps(Protocol):
    """An engine that works in steps, in the thread of `run`. A step that never ends is noticed, also while nobody speaks."""

    def step_seconds(self) -> float:
        """For how long the present step has lasted; 0 while there is nothing to do. May be called from any thread."""


@runtime_checkable
class MeasuresSteps(Protocol):
    """An engine that counts how long its steps take, in the ranges of `streaming.measures.engine_figures.STEP_BOUNDS`."""

    step_times: Distribution
