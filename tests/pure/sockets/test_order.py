"""What happens at nearly the same time is acted on in the order in which it was decided."""

import asyncio
from types import SimpleNamespace
from typing import Any

from streaming import conf
from streaming.conf import with_sections
from streaming.protocol.opening import Rules
from streaming.protocol.session import Session
from streaming.sockets.consumers import SpeechConsumer
from streaming.sockets.endpoints import StreamInputConsumer
from streaming.sockets.session_rules import session_rules

OUTPUT_FORMAT = "pcm_8000"
QUERY = {"model_id": "any", "output_format": OUTPUT_FORMAT}


class Visitor:
    """One that needs no key."""

    is_known = False

    async def hear(self, text: str) -> None:
        pass

    def describe(self, record: object) -> None:
        pass


class StreamTasks:
    """Notes with which format speech begins."""

    def __init__(self, consumer: SpeechConsumer) -> None:
        self._consumer = consumer
        self.formats: list[str] = []

    def put(self, item: object, stream_number: int) -> None:
        self.formats.append(self._consumer._speakers.parameters.output_format)

    def expect(self, utterance: object, stream_number: int) -> None:
        pass


def consumer_with(session: type[Session], rules: Rules, config: conf.Config, now: float) -> tuple[Any, StreamTasks]:
    records = SimpleNamespace(begin=lambda record: None)
    names = ("executor", "gate", "voices", "forwarding", "open_sockets")
    parts: Any = SimpleNamespace(**dict.fromkeys(names), config=config, records=records, rules=rules)
    consumer: Any = StreamInputConsumer(parts)
    tasks = consumer._stream_tasks = StreamTasks(consumer)
    consumer._visitor = Visitor()
    consumer._session = session(QUERY, rules, now=now)
    return consumer, tasks


async def test_words_that_come_when_their_time_is_up_are_spoken_with_the_parameters_of_the_query() -> None:
    config = conf.Config.model_validate(with_sections(conf.Config, {}))
    long_ago = asyncio.get_running_loop().time() - 60
    consumer, tasks = consumer_with(StreamInputConsumer.session_type, session_rules(config), config, long_ago)
    consumer._on_time()
    await consumer.websocket_receive({"text": '{"text": "Hello. ", "flush": true}'})
    await asyncio.gather(*consumer._background)
    consumer._deadline.close()
    assert tasks.formats == [OUTPUT_FORMAT]
