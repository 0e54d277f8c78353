"""What one stream will probably say next, told to the engine while it is still arriving."""

import asyncio
import logging
from dataclasses import replace

from streaming.dispatch.executor import Executor
from streaming.dispatch.expected_text import ExpectedText
from streaming.engine.contract import SpeechRequest
from streaming.errors import SpeechError
from streaming.protocol.context import Utterance
from streaming.speech.request_maker import RequestMaker

logger = logging.getLogger("streaming.speech.expectation")


class Expectation:
    """At most one text at a time. Nothing that goes wrong here is an error: whoever speaks the text will be told."""

    def __init__(self, executor: Executor, requests: RequestMaker, client: object) -> None:
        self._executor = executor
        self._requests = requests
        self._client = client
        self._expected: ExpectedText | None = None
        # As it was sent last.
        self._request: SpeechRequest | None = None
        self._latest: Utterance | None = None
        self._preparing: asyncio.Task[None] | None = None

    @property
    def current(self) -> ExpectedText | None:
        """What the engine expects, if it does."""
        return self._expected if self._expected and not self._expected.is_dropped else None

    def become(self, utterance: Utterance) -> None:
        """The text is this one now, or begins with it."""
        self._latest = utterance
        if self._requests.is_prepared_for(utterance):
            self._tell(utterance)
        elif self._preparing is None or self._preparing.done():
            self._preparing = asyncio.create_task(self._prepare(utterance))

    def fulfil(self) -> None:
        """It is spoken now."""
        self._expected = self._request = self._latest = None

    def close(self) -> None:
        if self._preparing:
            self._preparing.cancel()
        if self._expected:
            self._executor.forget(self._expected, self._client)
        self.fulfil()

    async def _prepare(self, utterance: Utterance) -> None:
        try:
            await self._requests.prepare_for(utterance)
        except SpeechError as error:
            logger.debug("What is expected cannot be spoken: %s", error)
        else:
            if self._latest and self._requests.is_prepared_for(self._latest):
                self._tell(self._latest)

    def _tell(self, utterance: Utterance) -> None:
        try:
            request, _ = self._requests.make(utterance)
        except SpeechError as error:
            logger.debug("What is expected cannot be spoken: %s", error)
            return
        if self.current and self._request and _differ_in_text_only(request, self._request):
            self.current.become(request.text)
        else:
            self._expected = self._executor.expect(request, self._client)
        self._request = request


def _differ_in_text_only(one: SpeechRequest, other: SpeechRequest) -> bool:
    return replace(one, request_id=other.request_id, text=other.text) == other
