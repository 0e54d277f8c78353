"""What `shared_counts` asks of Redis."""

import asyncio
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """One of the streams of a key. `name` is like no other, in whatever process."""

    redis_key: str
    name: str


@dataclass(slots=True)
class Question:
    """A command for Redis. `place` is held when the answer is 1, or when there is none; the places `left` are not renewed
    any more. Without `answer`, nobody waits. If Redis refuses the `beat`, it does not count."""

    command: tuple[Any, ...]
    place: Place | None = None
    answer: "asyncio.Future[int | None] | None" = field(default=None)
    left: tuple[Place, ...] = ()
    is_beat: bool = False

    @property
    def is_given_up(self) -> bool:
        """Whoever has asked is gone."""
        return self.answer is not None and self.answer.cancelled()

    def tell(self, found: int | None) -> None:
        if self.answer and not self.answer.done():
            self.answer.set_result(found)


def departure(places: list[Place]) -> Question:
    """Of places of one key."""
    return Question(("ZREM", places[0].redis_key, *(place.name for place in places)), left=tuple(places))


def without_lost_beat(questions: list[Question], answers: list[Any]) -> list[Any]:
    """The answers. Raises what the beat was refused with."""
    for question, found in zip(questions, answers, strict=True):
        if question.is_beat and isinstance(found, Exception):
            raise found
    return answers
