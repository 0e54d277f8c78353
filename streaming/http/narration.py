"""One text on its way to one HTTP response: its own speaker, not paced, and a queue of bounded length."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing

from streaming.access.prices import cost_of
from streaming.audio.formats import OutputFormat
from streaming.protocol.context import Context, TurnEnd, Utterance
from streaming.protocol.messages import ClientMessage
from streaming.protocol.packet import Packet
from streaming.protocol.parameters import Parameters
from streaming.speech.outlet import Outlet, waiting
from streaming.speech.speaker import Speaker

# Packets, of 60 ms at most (FLAC comes as one), that wait for a client that reads more slowly than speech is made.
MOST_QUEUED = 32
# What is heard of a text in which there is nothing to say. Many readers and players take no file without any sound.
SILENCE_SECONDS = 0.1

Spoken = Callable[[Utterance | TurnEnd], Awaitable[None]]
Packets = AsyncGenerator[Packet, None]


def utterances(text: str, parameters: Parameters) -> list[Utterance | TurnEnd]:
    """The whole text as a socket's context would speak it: short pieces first, so that the first sound comes soon."""
    context = Context(parameters, by_turn=False, default_schedule=True)
    return [*context.receive(ClientMessage(text=text)), *context.receive(ClientMessage(text=""))]


def cost_of_all(items: Iterable[Utterance | TurnEnd]) -> int:
    """What is charged for them, in characters."""
    return sum(cost_of(len(item.text), item.pause) for item in items if isinstance(item, Utterance))


async def narrate(items: Iterable[Utterance | TurnEnd], make_speaker: Callable[[Outlet, Spoken], Speaker]) -> Packets:
    """The packets of all `items`, made as they are asked for. Raises SpeechError; closing it cancels what is left."""
    queue: asyncio.Queue[Packet | Exception | None] = asyncio.Queue(MOST_QUEUED)

    async def note(item: Utterance | TurnEnd) -> None:
        if isinstance(item, TurnEnd):
            await queue.put(None)

    async def speak() -> None:
        try:
            await speaker.run()
        except Exception as error:
            await queue.put(error)

    speaker = make_speaker(Outlet(waiting(queue.put), None), note)
    for item in items:
        speaker.put(item)
    speaking = asyncio.create_task(speak())
    try:
        while (entry := await queue.get()) is not None:
            if isinstance(entry, Exception):
                raise entry
            yield entry
    finally:
        speaking.cancel()
        speaker.close()


async def or_silence(packets: Packets, output: OutputFormat) -> Packets:
    """The same packets; one with a little silence where none has any bytes. Nobody pays for it."""
    has_bytes = False
    async with aclosing(packets):
        async for packet in packets:
            has_bytes = has_bytes or bool(packet.payload)
            yield packet
    if not has_bytes:
        yield Packet(output.silence(SILENCE_SECONDS), SILENCE_SECONDS)


async def begun(packets: Packets) -> Packets:
    """The same packets, as soon as the first is there: an error before it can still become the response's status."""
    first = await anext(packets, None)  # a generator that raises is closed
    return _from_first(first, packets)


async def _from_first(first: Packet | None, packets: Packets) -> Packets:
    async with aclosing(packets):
        if first is not None:
            yield first
        async for packet in packets:
            yield packet
