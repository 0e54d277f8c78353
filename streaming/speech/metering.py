"""What a speaker tells the one that counts."""

from typing import Protocol


class Meter(Protocol):
    """Counts what a stream costs, and may refuse it."""

    async def charge(self, characters: int, *, pause: float = 0.0) -> None:
        """Before they are spoken, and `pause` seconds of silence after them. May raise SpeechError."""

    def spoke(self, seconds: float) -> None:
        """So much audio has been delivered."""

    def failed(self) -> None:
        """What was charged last could not be spoken."""

    def end_turn(self) -> None:
        """Nothing is left to be spoken of this turn, or the stream is gone."""


class Unmetered:
    """Counts nothing."""

    async def charge(self, characters: int, *, pause: float = 0.0) -> None:
        pass

    def spoke(self, seconds: float) -> None:
        pass

    def failed(self) -> None:
        pass

    def end_turn(self) -> None:
        pass
