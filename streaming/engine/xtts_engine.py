"""The XTTS engine: one thread, one loop, all utterances of a device in one batch.

What a round of the loop does depends on how the device computes: `stepped_engine.py` waits for the result of each step,
`gpu/engine.py` does not.
"""

import logging
import queue
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial

import torch

from streaming.engine import devices
from streaming.engine.conditioning import CONDITIONING_LENGTH, SPEAKER_WIDTH, Conditioning
from streaming.engine.contract import EngineEvent, EngineInfo, Failed, Finished, Sink, SpeechRequest, VoiceRef
from streaming.engine.known_voices import find_voice
from streaming.engine.preparations import Preparations, named, told
from streaming.engine.scheduler import ScheduledRequest, Scheduler
from streaming.engine.utterance import Utterance
from streaming.engine.xtts_model import SharedModel
from streaming.measures.distribution import Distribution
from streaming.measures.engine_figures import STEP_BOUNDS
from streaming.text.normalization.expansion import SaysTooMuch

logger = logging.getLogger("streaming.engine.xtts")

NOTICE = "XTTS v2 by coqui-tts (MPL-2.0). Coqui's own weights are licensed for non-commercial use only (CPML)."
_WARM_UP_TEXT = "Warming up, so that the first listener does not have to wait."
_WARM_UP_TOKENS = 24


class XttsEngine(ABC):
    """See `streaming.engine.contract.SpeechEngine`."""

    # Whether the sizes of an utterance's chunks may follow from what else there is to do, since its audio does not.
    chunks_by_lead = False

    def __init__(self, model: SharedModel) -> None:
        self._model: SharedModel = model
        self._scheduler = Scheduler(model.slots)
        self._utterances: dict[str, Utterance] = {}
        self._preparations = Preparations(model.conditioner)
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._is_stopping = False
        self._round_began: float | None = None
        self.step_times = Distribution(STEP_BOUNDS)
        self.info = EngineInfo(
            "xtts",
            model.sample_rate,
            tuple(sorted({code.partition("-")[0] for code in model.config.languages})),
            clones=True,
            notice=NOTICE,
            fingerprint=model.fingerprint,
            slots=model.slots,
        )

    # From any thread

    def submit(self, request: SpeechRequest, sink: Sink) -> None:
        self._inbox.put(lambda: self._add(request, sink))

    def prepare(self, request_id: str, voice: VoiceRef, sink: Sink) -> None:
        self._inbox.put(lambda: self._preparations.add(request_id, voice, sink))

    def cancel(self, request_id: str) -> None:
        self._inbox.put(lambda: self._cancel(request_id))

    def stop(self) -> None:
        self._inbox.put(self._stop)

    def step_seconds(self) -> float:
        began = self._round_began
        return 0.0 if began is None else time.monotonic() - began

    # In the engine's thread

    @torch.inference_mode()
    def warm_up(self) -> None:
        devices.enter(self._model.device)
        self._model.warm_up()
        self._model.front_end.warm_up()
        width = self._model.weights.width
        conditioning = Conditioning(torch.full((CONDITIONING_LENGTH, width), 0.1), torch.full((SPEAKER_WIDTH,), 0.1))
        self._add(SpeechRequest("warm-up", _WARM_UP_TEXT, VoiceRef(), seed=0), _insist, (conditioning, "warm-up"))
        while not self._scheduler.is_idle:
            self._run_round()
            for utterance in list(self._utterances.values()):
                utterance.piece_is_over |= utterance.steps >= _WARM_UP_TOKENS

    @torch.inference_mode()
    def run(self) -> None:
        devices.enter(self._model.device)
        while not self._is_stopping:
            self._round_began = time.monotonic()
            self._take_all()
            if not self._is_stopping:
                is_step = not self._is_idle
                self._run_round()
                if is_step:
                    self.step_times.add(self.step_seconds())
        self._round_began = None
        for utterance in list(self._utterances.values()):
            self._end(utterance, lambda utterance: utterance.finish(cancelled=True))
        self._preparations.fail_all("The engine was stopped.")
        self._model.stop()

    def _take_all(self) -> None:
        """Take all that has arrived; wait for something if there is nothing to do."""
        if self._is_idle:
            self._round_began = None
            work = self._inbox.get()
            self._round_began = time.monotonic()
            work()
        while not self._inbox.empty():
            self._inbox.get()()

    @property
    def _is_idle(self) -> bool:
        return self._scheduler.is_idle and not self._preparations

    def _stop(self) -> None:
        self._is_stopping = True

    @abstractmethod
    def _run_round(self) -> None:
        """What the utterances have to do next. Waits for the device if there is nothing else to do."""

    @abstractmethod
    def _seed(self, utterance: Utterance) -> None:
        """The utterance has been given a slot, and begins."""

    @abstractmethod
    def _begin_piece(self, utterance: Utterance) -> None:
        """Begin the utterance's next piece of text."""

    def _start_newcomers(self) -> None:
        while (scheduled := self._scheduler.start_next()) is not None:
            self._attempt([self._utterances[scheduled.request_id]], self._begin)

    def _attempt(self, utterances: list[Utterance], work: Callable[[list[Utterance]], None]) -> None:
        """A step that fails ends the utterances in it, and no others. A GPU that has failed computes nothing more for this
        process, which has to end; the server then fails all its requests."""
        if not utterances:
            return
        try:
            work(utterances)
        except torch.AcceleratorError:
            raise
        except Exception as error:
            logger.exception("A step failed for %d utterances", len(utterances))
            for utterance in utterances:
                self._end(utterance, partial(Utterance.fail, message=named(error)))

    # Utterances

    def _add(self, request: SpeechRequest, sink: Sink, voice: tuple[Conditioning, str] | None = None) -> None:
        """`voice`, with a name for it, instead of the request's."""
        try:
            if request.request_id in self._utterances:
                raise ValueError("A request with this id already exists.")
            conditioning, voice_key = voice or self._voice(request)
            pieces = self._model.front_end.pieces(
                request.text, request.language, apply_text_normalization=request.apply_text_normalization
            )
            scheduled = ScheduledRequest(request.request_id)
            seed = secrets.randbits(63) if request.seed is None else request.seed
            utterance = Utterance(
                request,
                sink,
                scheduled,
                conditioning=conditioning,
                voice_key=voice_key,
                pieces=pieces,
                seed=seed,
                chunks_by_lead=self.chunks_by_lead,
            )
        except torch.AcceleratorError:
            raise
        except Exception as error:
            message = told(error, "A request cannot be spoken")
            sink(Failed(request.request_id, message, is_text=isinstance(error, SaysTooMuch)))
            return
        if utterance.has_more:
            self._admit(utterance)
        else:
            sink(Finished(request.request_id))

    def _admit(self, utterance: Utterance) -> None:
        self._utterances[utterance.request.request_id] = utterance
        self._scheduler.add(utterance.scheduled)

    def _voice(self, request: SpeechRequest) -> tuple[Conditioning, str]:
        return find_voice(request.voice, self._model.speakers, self._model.weights.width)

    def _begin(self, utterances: list[Utterance]) -> None:
        for utterance in utterances:
            self._seed(utterance)
            self._begin_piece(utterance)

    def _go_on(self, utterance: Utterance) -> None:
        if utterance.has_more:
            self._attempt([utterance], lambda utterances: self._begin_piece(utterances[0]))
        else:
            self._end(utterance, Utterance.finish)

    def _cancel(self, request_id: str) -> None:
        if utterance := self._utterances.get(request_id):
            self._end(utterance, lambda utterance: utterance.finish(cancelled=True))

    def _end(self, utterance: Utterance, say: Callable[[Utterance], None]) -> None:
        if self._utterances.pop(utterance.request.request_id, None) is utterance:
            self._scheduler.release(utterance.scheduled)
            say(utterance)


def _insist(event: EngineEvent) -> None:
    """Fail the start of an engine that cannot speak."""
    if isinstance(event, Failed):
        raise RuntimeError(f"The first speech failed: {event.message}")
