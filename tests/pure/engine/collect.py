"""Runs a real engine in this process and collects what it says."""

import queue

from streaming.engine.contract import EngineEvent, Failed, Finished, SpeechEngine, SpeechRequest


def speak_with(engine: SpeechEngine, *requests: SpeechRequest) -> list[EngineEvent]:
    """Every event of the requests, in the order in which they came."""
    events: queue.Queue[EngineEvent] = queue.Queue()
    for request in requests:
        engine.submit(request, events.put)
    return collect(events, len(requests))


def collect(events: "queue.Queue[EngineEvent]", count: int) -> list[EngineEvent]:
    """Wait for the last word of `count` requests."""
    collected: list[EngineEvent] = []
    while count:
        event = events.get(timeout=60)
        collected.append(event)
        count -= isinstance(event, Finished | Failed)
    return collected
