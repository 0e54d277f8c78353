"""Texts that will probably be spoken. What cannot change any more of them is read while nobody needs the time, in slots that
nobody needs, so that less is left to be read when they are to be spoken.

It makes no difference to what is spoken: what was read stays only as far as the text that is spoken begins with it.
"""

import logging
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from streaming.engine.conditioning import Conditioning
from streaming.engine.contract import SpeechRequest
from streaming.engine.gpt.prefill import Prefill
from streaming.engine.scheduler import ScheduledRequest, Scheduler
from streaming.engine.utterance import Utterance
from streaming.engine.xtts_model import Model

logger = logging.getLogger("streaming.engine.xtts")


@dataclass(slots=True, eq=False)
class Expected:
    """`tokens`: those of the text that cannot change any more; None while they have to be looked for."""

    request: SpeechRequest
    conditioning: Conditioning
    voice_key: str
    scheduled: ScheduledRequest
    tokens: list[int] | None = None
    prefill: Prefill | None = field(default=None)

    @property
    def has_work(self) -> bool:
        return self.tokens is None or self.prefill is None or self.prefill.rows_left > 0


class Expectations:
    """As many as there are slots, those that were heard of last. For one thread."""

    def __init__(self, model: Model, scheduler: Scheduler) -> None:
        self._model = model
        self._scheduler = scheduler
        # By id, the one that was heard of last at the end.
        self._expected: OrderedDict[str, Expected] = OrderedDict()

    @property
    def has_work(self) -> bool:
        return any(expected.has_work for expected in self._expected.values())

    def expect(self, request: SpeechRequest, conditioning: Conditioning, voice_key: str) -> None:
        self.drop(request.request_id)
        scheduled = ScheduledRequest(request.request_id)
        self._expected[request.request_id] = Expected(request, conditioning, voice_key, scheduled)
        while len(self._expected) > self._model.slots:
            self.drop(next(iter(self._expected)))

    def expect_text(self, request_id: str, text: str) -> None:
        if expected := self._expected.get(request_id):
            expected.request = replace(expected.request, text=text)
            expected.tokens = None
            self._expected.move_to_end(request_id)

    def hand_over(self, utterance: Utterance) -> None:
        """It is spoken now, and has what was read for it, with the slot."""
        expected = self._expected.get(utterance.request.request_id)
        if expected and expected.voice_key == utterance.voice_key:
            del self._expected[utterance.request.request_id]
            utterance.scheduled, utterance.prefill = expected.scheduled, expected.prefill
        else:
            self.drop(utterance.request.request_id)

    def drop(self, request_id: str) -> None:
        if expected := self._expected.pop(request_id, None):
            self._scheduler.release(expected.scheduled)

    def drop_all(self) -> None:
        for request_id in list(self._expected):
            self.drop(request_id)

    def make_room(self) -> None:
        """Who speaks needs the slot more. What was read in it is lost."""
        for expected in self._expected.values():
            if not self._scheduler.lacks_a_slot:
                return
            self._scheduler.release(expected.scheduled)
            expected.prefill = None

    def next_to_read(self, *, now: float) -> list[Prefill]:
        """What may be read in this round: nothing while somebody waits, or is about to run dry."""
        if not self._scheduler.has_time(now=now):
            return []
        for request_id, expected in list(self._expected.items()):
            try:
                self._look_at(expected)
            except ValueError as error:  # a language that the model does not speak: who submits it will be told
                logger.debug("A text that was expected cannot be read: %s", error)
                self.drop(request_id)
        prefills = [expected.prefill for expected in self._expected.values() if expected.prefill]
        return [prefill for prefill in prefills if prefill.rows_left]

    def _look_at(self, expected: Expected) -> None:
        gpt, request, changed = self._model.gpt, expected.request, expected.tokens is None
        if expected.tokens is None:
            expected.tokens = self._model.front_end.settled_tokens(
                request.text, request.language, apply_text_normalization=request.apply_text_normalization
            )
        if expected.prefill is None:
            if self._scheduler.hold(expected.scheduled) and expected.scheduled.slot is not None:
                voice = expected.conditioning.gpt, expected.voice_key
                expected.prefill = gpt.begin(expected.scheduled.slot, expected.tokens, *voice, is_open=True)
        elif changed:
            gpt.revise(expected.prefill, expected.tokens, is_open=True)
