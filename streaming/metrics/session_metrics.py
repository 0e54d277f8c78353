"""What sessions come to, and the connections that are open."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from prometheus_client.core import Metric

from streaming.metrics.families import counter, gauge, histogram
from streaming.metrics.session_figures import (
    FAILED,
    REFUSED,
    RESULTS,
    TRANSPORTS,
    Kind,
    KindFigures,
    SessionFigures,
    result_class,
)

_Value = TypeVar("_Value")
KIND = Kind._fields


def session_metrics(figures: SessionFigures, strangers: int) -> Iterator[Metric]:
    """May be called by any thread. `strangers`: sockets whose client has not said yet who it is."""
    kinds = dict(figures.kinds)
    yield from _latencies(kinds)
    yield from _amounts(kinds)
    yield from _results(kinds)
    yield from _errors(figures)
    yield from _connections(figures, strangers)


def _each(kinds: Mapping[Kind, KindFigures], read: Callable[[KindFigures], _Value]) -> dict[tuple[str, ...], _Value]:
    return {tuple(kind): read(figures) for kind, figures in kinds.items()}


def _latencies(kinds: Mapping[Kind, KindFigures]) -> Iterator[Metric]:
    yield histogram(
        "time_to_first_audio_seconds",
        "From the text that asks for speech to the first packet, for each turn.",
        _each(kinds, lambda figures: figures.first_audio),
        KIND,
    )
    yield histogram(
        "queue_wait_seconds",
        "The longest time that an utterance of the turn waited for a slot.",
        _each(kinds, lambda figures: figures.queue_wait),
        KIND,
    )
    yield histogram(
        "real_time_factor",
        "Seconds of the engine for each second of audio, for each turn.",
        _each(kinds, lambda figures: figures.real_time_factor),
        KIND,
    )
    yield counter(
        "starved_turns",
        "Turns in which a player with a buffer of 100 ms ran dry.",
        _each(kinds, lambda figures: figures.starved_turns),
        KIND,
    )
    yield counter(
        "starved_seconds",
        "Time in which players without a buffer had nothing left to play.",
        _each(kinds, lambda figures: figures.starved_seconds),
        KIND,
    )
    yield counter(
        "client_wait_seconds",
        "Time in which the server waited for clients to read, counted when their sessions end.",
        _each(kinds, lambda figures: figures.client_seconds),
        KIND,
    )


def _amounts(kinds: Mapping[Kind, KindFigures]) -> Iterator[Metric]:
    yield counter("characters", "Text that was spoken.", _each(kinds, lambda figures: figures.characters), KIND)
    yield counter(
        "audio_seconds",
        "Audio that was sent.",
        {
            (*kind, codec): seconds
            for kind, figures in kinds.items()
            for codec, seconds in list(figures.audio_seconds.items())
        },
        (*KIND, "codec"),
    )
    yield counter(
        "generation_seconds",
        "Time that the engine had utterances in its slots.",
        _each(kinds, lambda figures: figures.engine_seconds),
        KIND,
    )
    yield counter(
        "generated_audio_seconds",
        "Audio that the engine made in that time.",
        _each(kinds, lambda figures: figures.made_seconds),
        KIND,
    )


def _results(kinds: Mapping[Kind, KindFigures]) -> Iterator[Metric]:
    labels = (*KIND, "result")
    yield counter(
        "sessions",
        "Sockets and requests that were to speak and have ended, by how they ended.",
        {(*kind, result): figures.sessions[result] for kind, figures in kinds.items() for result in RESULTS},
        labels,
    )
    yield counter(
        "turns",
        "Turns that have ended, by how they ended.",
        {(*kind, result): figures.turns[result] for kind, figures in kinds.items() for result in RESULTS},
        labels,
    )


def _errors(figures: SessionFigures) -> Iterator[Metric]:
    told = dict(figures.told)
    for name, kind, meaning in (
        (
            "errors",
            FAILED,
            "Errors of the server, its engine or its surroundings that clients were told, by their code.",
        ),
        ("refusals", REFUSED, "What clients did wrong or were not allowed to do, by the code that they were told."),
    ):
        rows: dict[tuple[str, ...], float] = {
            (transport, code): count for (transport, code), count in told.items() if result_class(code) == kind
        }
        yield counter(name, meaning, rows, ("transport", "reason"))


def _connections(figures: SessionFigures, strangers: int) -> Iterator[Metric]:
    states: Counter[tuple[str, str]] = Counter(
        (session.transport, "speaking" if session.open_turns else "open") for session in list(figures.open)
    )
    rows: dict[tuple[str, ...], float] = {("websocket", "waiting"): strangers}
    rows |= {(name, state): states[name, state] for name in TRANSPORTS for state in ("open", "speaking")}
    yield gauge("connections", "Open sockets, and requests for speech, by state.", rows, ("transport", "state"))
