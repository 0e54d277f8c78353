"""A stream's utterances on their way to the engine."""

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass, field, replace

from streaming.dispatch.executor import Executor, Place, SpeechStream
from streaming.errors import SpeechError
from streaming.protocol.context import TurnEnd, Utterance
from streaming.protocol.speaking_rate import Tempo
from streaming.speech.expectation import Expectation
from streaming.speech.request_maker import RequestMaker
from streaming.text.rewriting import Rewriting

logger = logging.getLogger("streaming.speech.speech_queue")


@dataclass(frozen=True, slots=True)
class Submitted:
    """An utterance that the engine has been given: how its text was rewritten, its audio, and how fast it is spoken."""

    text: Rewriting
    audio: SpeechStream
    tempo: Tempo


@dataclass(slots=True)
class Queued:
    """`put_at`: when it came, by time.monotonic."""

    item: Utterance | TurnEnd
    submitted: Submitted | None = None
    put_at: float = field(default_factory=time.monotonic)


class SpeechQueue:
    """The utterances and ends of turns of one stream, in order.

    The next utterance is submitted as soon as the one before it is generated, while at most `max_ahead` seconds of audio
    wait to be sent: so there is no pause between them, and no engine works for a client that does not listen.

    No call looks at more than a few of them, however many there are.
    """

    def __init__(
        self, executor: Executor, requests: RequestMaker, *, max_ahead: float, place: Place | None = None
    ) -> None:
        self._executor = executor
        self._requests = requests
        self._max_ahead = max_ahead
        self._place = place
        self._queue: deque[Queued] = deque()
        # Those of the queue that have a text: submitted (all but the last of them are generated), and not yet.
        self._submitted: deque[Submitted] = deque()
        self._unsubmitted: deque[tuple[Queued, Utterance]] = deque()
        # The audio of those that are submitted, without the first, which is being fetched, and the last, which is being
        # made.
        self._between_seconds = 0.0
        self._arrived = asyncio.Event()
        self._expectation = Expectation(executor, requests, place.client if place else self)

    def put(self, item: Utterance | TurnEnd) -> None:
        queued = Queued(item)
        self._queue.append(queued)
        if isinstance(item, Utterance) and item.text:
            self._unsubmitted.append((queued, item))
            if self._submitted:
                self._submitted[-1].audio.goes_on = True
        self._arrived.set()

    @property
    def is_empty(self) -> bool:
        return not self._queue

    async def first(self) -> Queued:
        """The first in the queue, where it stays; waits for one."""
        while not self._queue:
            self._arrived.clear()
            await self._arrived.wait()
        return self._queue[0]

    def remove_first(self) -> None:
        if self._queue.popleft().submitted is None:
            return
        self._submitted.popleft()
        # The new first, unless it is the last as well.
        is_between = len(self._submitted) > 1
        self._between_seconds = self._between_seconds - self._submitted[0].audio.queued_seconds if is_between else 0.0

    async def submit(self, queued: Queued, utterance: Utterance) -> Submitted:
        """Submit it now, if it has not been submitted ahead. Raises SpeechError."""
        if queued.submitted is None:
            await self._requests.prepare_for(utterance)
        if queued.submitted is None:
            self._submit(queued, utterance)
        if queued.submitted is None:
            raise RuntimeError("An utterance was not submitted.")
        return queued.submitted

    def submit_ahead(self, unsent_seconds: float) -> None:
        """Submit the next utterance if those before it are generated and not too much waits. `unsent_seconds`: audio that
        has left the queue and is not sent yet."""
        if not self._unsubmitted or (self._submitted and not self._submitted[-1].audio.is_generated):
            return
        if unsent_seconds + self._queued_seconds <= self._max_ahead:
            self._try_submit(*self._unsubmitted[0])

    @property
    def _queued_seconds(self) -> float:
        """The audio of all that are submitted."""
        ends = [self._submitted[0], self._submitted[-1]] if len(self._submitted) > 1 else self._submitted
        return self._between_seconds + sum(submitted.audio.queued_seconds for submitted in ends)

    def expect(self, utterance: Utterance) -> None:
        """The next utterance will probably begin with the text of this one."""
        if not self._unsubmitted:
            self._expectation.become(utterance)

    def close(self) -> None:
        """Cancel what is submitted, and drop the rest."""
        self._expectation.close()
        for submitted in self._submitted:
            submitted.audio.cancel()
        for items in (self._queue, self._submitted, self._unsubmitted):
            items.clear()
        self._between_seconds = 0.0

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
        expected = self._expectation.current
        if expected:
            request = replace(request, request_id=expected.request_id)
        audio = self._executor.speak(request, continues=utterance.index > 0, place=self._place, expected=expected)
        self._expectation.fulfil()
        if len(self._submitted) > 1:
            self._between_seconds += self._submitted[-1].audio.queued_seconds
        queued.submitted = Submitted(text, audio, self._requests.tempo_of(request))
        self._submitted.append(queued.submitted)
        self._unsubmitted.popleft()
        audio.goes_on = bool(self._unsubmitted)
