"""A text that will probably be spoken, as an engine process was told."""

from streaming.dispatch.engine_slots import EngineSlots
from streaming.engine.contract import Expect, ExpectText, SpeechRequest
from streaming.engine.framing import Cancel


class ExpectedText:
    """It is in one process, to which its utterance should go. A process that ends, or that needs the room, forgets it."""

    def __init__(self, engine: EngineSlots, request: SpeechRequest) -> None:
        self.engine = engine
        self.request_id = request.request_id
        self.is_dropped = False
        engine.process.send(Expect(request))

    def become(self, text: str) -> None:
        """Most likely a longer one."""
        self.engine.process.send(ExpectText(self.request_id, text))

    def drop(self) -> None:
        """It will not be spoken, or not there."""
        if not self.is_dropped:
            self.is_dropped = True
            self.engine.process.send(Cancel(self.request_id))
