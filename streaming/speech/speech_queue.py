"""A stream's utterances on their way to the engine."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass

from streaming.dispatch.executor import Executor, Place, SpeechStream
from streaming.errors import SpeechError
from streaming.protocol.context import TurnEnd, Utterance
from streaming.speech.request_maker import RequestMaker
from streaming.text.rewriting import Rewriting

logger = logging.getLogger("streaming.speech.speech_queue")


@dataclass(frozen=True, slots=True)
class Submitted:
    """An utterance that the engine has been given: how its text was rewritten, and its audio."""

    text: Rewriting
    audio: SpeechStream


@dataclass(slots=True)
class Queued:
    item: Utterance | TurnEnd
    submitted: Submitted | None = None


class SpeechQueue:
    """The utterances and ends of turns of one stream, in order.

    The next utterance is submitted as soon as the one before it is generated, while at most `max_ahead` seconds of audio
    wait to be sent: so there is no pause between them, and no engine works for a client that does not listen.
    """

    def __init__(
        self, executor: Executor, requests: RequestMaker, *, max_ahead: float, place: Place | None = None
    ) -> None:
        self._executor = executor
        self._requests = requests
        self._max_ahead = max_ahead
        self._place = place
        self._queue: deque[Queued] = deque()
        self._arrived = asyncio.Event()

    def put(self, item: Utterance | TurnEnd) -> None:
        self._queue.append(Queued(item))
        self._arrived.set()

    async def first(self) -> Queued:
        """The first in the queue, where it stays; waits for one."""
        while not self._queue:
            self._arrived.clear()
            await self._arrived.wait()
        return self._queue[0]

    def remove_first(self) -> None:
        self._queue.popleft()

    async def submit(self, queued: Queued, utterance: Utterance) -> Submitted:
        """Submit it now, if it has not been submitted ahead. Raises SpeechError."""
        if queued.submitted is None:
            await self._requests.prepare_for(utterance)
            self._submit(queued, utterance)
        if queued.submitted is None:
            raise RuntimeError("An utterance was not submitted.")
        return queued.submitted

    def submit_ahead(self, unsent_seconds: float) -> None:
        """Submit the next utterance if those before it are generated and not too much waits. `unsent_seconds`: audio that
        has left the queue and is not sent yet."""
        ahead = unsent_seconds
        for queued in self._queue:
            if not isinstance(queued.item, Utterance) or not queued.item.text:
                continue
            if queued.submitted is None:
                if ahead <= self._max_ahead:
                    self._try_submit(queued, queued.item)
                return
            if not queued.submitted.audio.is_generated:
                return
            ahead += queued.submitted.audio.queued_seconds

    def close(self) -> None:
        """Cancel what is submitted, and drop the rest."""
        for queued in self._queue:
            if queued.submitted:
                queued.submitted.audio.cancel()
        self._queue.clear()

    def _try_submit(self, queued: Queued, utterance: Utterance) -> None:
        if not self._requests.is_prepared_for(utterance):
            return
        try:
            self._submit(queued, utterance)
        except SpeechError as error:
            # There may be room when all before it has been spoken; if not, `submit` raises the error then.
            logger.debug("An utterance could not be submitted ahead: %s", error)

    def _submit(self, queued: Queued, utterance: Utterance) -> None:
        request, text = self._requests.make(utterance)
        audio = self._executor.speak(request, continues=utterance.index > 0, place=self._place)
        queued.submitted = Submitted(text, audio)
