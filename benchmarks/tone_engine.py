"""Engines that speak tones at no cost, and `manage.py serve` with an engine that no setting names."""

import os
import threading
from collections.abc import Iterator

import numpy as np
from django.core.management import execute_from_command_line

from streaming.conf import Config
from streaming.dispatch.engine_process import EngineSpec
from streaming.engine.contract import EngineInfo, Failed, Finished, PcmChunk, Samples, Sink, SpeechRequest, VoiceRef

RATE = 24_000
TONE_HZ = 500


def tone(seconds: float, level: float) -> Samples:
    """`level`: its amplitude, at most 1."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * TONE_HZ * time)).astype(np.float32)


class ToneEngine:
    """Speaks a whole text at once, when it is submitted: there is nothing to wait for."""

    info: EngineInfo

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def chunks(self, request: SpeechRequest) -> Iterator[PcmChunk]:
        """The sound of one request."""
        raise NotImplementedError

    def warm_up(self) -> None:
        """There is nothing to load."""

    def submit(self, request: SpeechRequest, sink: Sink) -> None:
        for chunk in self.chunks(request):
            sink(chunk)
        sink(Finished(request.request_id))

    def prepare(self, request_id: str, voice: VoiceRef, sink: Sink) -> None:
        sink(Failed(request_id, "A tone has no voice."))

    def cancel(self, request_id: str) -> None:
        """It is too late: everything has been said."""

    def run(self) -> None:
        self._stopped.wait()

    def stop(self) -> None:
        self._stopped.set()


def serve_with(spec: EngineSpec, *arguments: str) -> None:
    """Run `manage.py serve`, with these arguments, with this engine, whichever one the settings choose."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xtts_site.settings")
    use_engine(spec)
    execute_from_command_line(["manage.py", "serve", *arguments])


def use_engine(spec: EngineSpec) -> None:
    """In this process, before it imports any other part of the server."""
    from streaming.dispatch import engine_choice

    def own_spec(config: Config) -> tuple[list[EngineSpec], str]:
        return [spec], "this program has its own engine"

    engine_choice.engine_specs = own_spec
