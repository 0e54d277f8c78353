"""Voices that an engine is asked to prepare: one after the other, in parts, beside speech."""

import logging
from collections import deque
from collections.abc import Generator

import torch

from streaming.engine.conditioning import Conditioning
from streaming.engine.contract import Failed, Prepared, Sink, VoiceRef
from streaming.engine.xtts_model import Conditioner

logger = logging.getLogger("streaming.engine.xtts")


class Preparations:
    """For one thread."""

    def __init__(self, conditioner: Conditioner) -> None:
        self._conditioner = conditioner
        self._line: deque[tuple[str, Generator[None, None, Conditioning], Sink]] = deque()

    def __bool__(self) -> bool:
        return bool(self._line)

    def add(self, request_id: str, voice: VoiceRef, sink: Sink) -> None:
        try:
            steps = self._conditioner.compute_steps(voice.clips)
        except ValueError as error:
            sink(Failed(request_id, told(error, "A voice cannot be prepared")))
        else:
            self._line.append((request_id, steps, sink))

    def work(self) -> None:
        """One part of the first in line."""
        request_id, parts, sink = self._line[0]
        try:
            next(parts)
        except StopIteration as end:
            self._line.popleft()
            sink(Prepared(request_id, end.value.to_bytes()))
        except torch.AcceleratorError:
            raise
        except Exception as error:
            self._line.popleft()
            sink(Failed(request_id, told(error, "A voice cannot be prepared")))

    def fail_all(self, message: str) -> None:
        while self._line:
            request_id, _, sink = self._line.popleft()
            sink(Failed(request_id, message))


def told(error: Exception, what: str) -> str:
    """What the client is told: the message of a ValueError; the kind and message of any other error, which is logged."""
    if isinstance(error, ValueError) and str(error):
        return str(error)
    logger.error("%s", what, exc_info=error)
    return named(error)


def named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
