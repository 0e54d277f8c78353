"""Real XTTS engines on tiny checkpoints, running in a thread of this process."""

import queue
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from streaming.engine.contract import (
    EngineEvent,
    Failed,
    Finished,
    PcmChunk,
    Prepared,
    Samples,
    SpeechRequest,
    VoiceRef,
)
from streaming.engine.stepped_engine import SteppedEngine
from streaming.engine.xtts_engine import XttsEngine
from streaming.engine.xtts_loading import load_engine

MIRA, TOMAS = VoiceRef(speaker="Mira Holm"), VoiceRef(speaker="Tomas Vale")
HELLO = "Hello there, how are you today?"
SLOTS = 3
# Many pieces of text, seconds of work: nobody finishes it while a test looks.
VERY_LONG = " ".join([HELLO] * 1000)
_SECONDS = 120

Events = list[EngineEvent]
AnyEngine = TypeVar("AnyEngine", bound=XttsEngine)


@contextmanager
def running(engine: AnyEngine) -> Iterator[AnyEngine]:
    thread = threading.Thread(target=engine.run)
    thread.start()
    try:
        yield engine
    finally:
        engine.stop()
        thread.join(_SECONDS)
        assert not thread.is_alive()


def on_a_cpu(checkpoint: Path, **options: Any) -> SteppedEngine:
    engine = load_engine(str(checkpoint), device="cpu", **options)
    assert isinstance(engine, SteppedEngine)
    return engine


@contextmanager
def xtts(checkpoint: Path, **options: Any) -> Iterator[SteppedEngine]:
    """An engine that runs. It takes over how many threads PyTorch uses; that is given back."""
    threads = torch.get_num_threads()
    try:
        with running(on_a_cpu(checkpoint, **options)) as engine:
            yield engine
    finally:
        torch.set_num_threads(threads)


def with_stop_bias(checkpoint: Path, folder: Path, bias: float) -> Path:
    """The checkpoint as one that ends its utterances sooner (above 3) or never (below)."""
    shutil.copytree(checkpoint, folder)
    state = torch.load(folder / "model.pth")
    state["model"]["gpt.mel_head.bias"][state["config"]["model_args"]["gpt_stop_audio_token"]] = bias
    torch.save(state, folder / "model.pth")
    return folder


def request(name: str = "a", text: str = HELLO, voice: VoiceRef = MIRA, **options: Any) -> SpeechRequest:
    return SpeechRequest(name, text, voice, **{"seed": 1, **options})


def crowd() -> list[SpeechRequest]:
    """More than there are slots, all different."""
    return [
        request("a", seed=1),
        request("b", "Hi.", seed=0, stream_chunk_size=3),
        request("c", seed=2, stream_chunk_size=5, speed=1.3),
        request("d", HELLO, TOMAS, seed=8, stream_chunk_size=20),
        request("e", seed=5, stream_chunk_size=1),
    ]


class Listener:
    """Collects the events of any number of requests."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[EngineEvent] = queue.SimpleQueue()
        self._events: dict[str, Events] = {}
        self.hear = self._queue.put

    def of(self, request_id: str) -> Events:
        """Everything up to the request's last word."""
        while not isinstance(self._last(request_id), Finished | Failed | Prepared):
            self._take()
        return self._events[request_id]

    def first(self, request_id: str) -> EngineEvent:
        """Waits for the request's first event only."""
        while request_id not in self._events:
            self._take()
        return self._events[request_id][0]

    def _last(self, request_id: str) -> EngineEvent | None:
        return self._events.get(request_id, [None])[-1]

    def _take(self) -> None:
        event = self._queue.get(timeout=_SECONDS)
        self._events.setdefault(event.request_id, []).append(event)


def speak(engine: XttsEngine, *requests: SpeechRequest) -> list[Events]:
    """All at once; the events of each."""
    listener = Listener()
    for request in requests:
        engine.submit(request, listener.hear)
    return [listener.of(request.request_id) for request in requests]


def chunks(events: Events) -> list[PcmChunk]:
    """Of a request that was spoken to its end."""
    *spoken, last = events
    assert last == Finished(last.request_id)
    return [event for event in spoken if isinstance(event, PcmChunk)]


def audio(events: Events) -> Samples:
    return np.concatenate([chunk.samples for chunk in chunks(events)])
