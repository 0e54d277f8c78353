"""What the app of speech offers to the admin of voices, if the project has it: this app does not know it.

`offer` is called by whoever can speak; without it, the admin shows no buttons, and knows no engine.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Engine:
    """The engine of this process. `fingerprint`: of what it makes of recordings."""

    clones: bool
    fingerprint: str
    languages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ticket:
    """Where a page may ask for a sentence, with what it has to send. For a short time, in which it may ask again."""

    address: str
    secret: str


class Speech(Protocol):
    def ticket(self, user_pk: object, voice_pk: int, clip_pk: int | None) -> Ticket | None:
        """For a sentence in the voice, or in one recording of it alone. None: the project has no address for speech."""

    def settings(self) -> Mapping[str, object]:
        """Of the server, by the names of a voice's settings, for voices that leave them empty. None: the model decides."""


_speech: Speech | None = None
_engine: Callable[[], Engine | None] = lambda: None  # noqa: E731 - until a server has one


def offer(speech: Speech) -> None:
    global _speech
    _speech = speech


def serve_with(engine: Callable[[], Engine | None]) -> None:
    """`engine`: what is loaded; None while it is not."""
    global _engine
    _engine = engine


def speech() -> Speech | None:
    return _speech


def engine() -> Engine | None:
    return _engine()
