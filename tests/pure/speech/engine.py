"""An executor without an engine: tests speak in its place."""

from streaming.dispatch.engine_process import EngineSpec, EngineState
from streaming.dispatch.executor import Executor, ExecutorStatus, Place, SpeechStream
from streaming.dispatch.expected_text import ExpectedText
from streaming.dispatch.jobs import Job
from streaming.engine.contract import EngineInfo, Finished, PcmChunk, Samples, SpeechRequest
from streaming.errors import Overloaded

RATE = 16_000
INFO = EngineInfo("stand-in", RATE, ("en", "de"), clones=True)


class NotedText(ExpectedText):
    """What the engine would have been told: `texts`, one after the other."""

    def __init__(self, request: SpeechRequest) -> None:
        self.request = request
        self.request_id = request.request_id
        self.texts = [request.text]
        self.is_dropped = False

    def become(self, text: str) -> None:
        self.texts.append(text)

    def drop(self) -> None:
        self.is_dropped = True


class StandIn(Executor):
    """Keeps what it was asked to speak, and what was cancelled. `is_full`: it refuses."""

    def __init__(self, info: EngineInfo | None = INFO) -> None:
        super().__init__(EngineSpec("none"), max_running=1, max_waiting=1)
        self.info = info
        self.asked: list[SpeechRequest] = []
        self.streams: list[SpeechStream] = []
        self.continued: list[bool] = []
        self.cancelled: list[Job] = []
        self.expected: list[NotedText] = []
        self.is_full = False

    @property
    def status(self) -> ExecutorStatus:
        return ExecutorStatus(EngineState.READY, self.info, None, 0, 0, 0, ())

    def speak(
        self,
        request: SpeechRequest,
        *,
        continues: bool = False,
        place: Place | None = None,
        expected: ExpectedText | None = None,
    ) -> SpeechStream:
        if self.is_full:
            raise Overloaded("There is no room.")
        self.asked.append(request)
        self.continued.append(continues)
        self.streams.append(SpeechStream(self, request, RATE, place, expected))
        return self.streams[-1]

    def expect(self, request: SpeechRequest, client: object) -> ExpectedText | None:
        self.expected.append(NotedText(request))
        return self.expected[-1]

    def forget(self, expected: ExpectedText, client: object) -> None:
        expected.drop()

    def cancel(self, job: Job) -> None:
        self.cancelled.append(job)

    def generate(self, index: int, samples: Samples) -> None:
        """All of an utterance that was asked for."""
        stream = self.streams[index]
        stream.put(PcmChunk(stream.request_id, samples, last=True))
        stream.put(Finished(stream.request_id))
