"""One stream of text that becomes one stream of speech: buffer, settings, turn.

`stream-input` has one context for its whole connection, `multi-stream-input` one for each of its streams. A context knows
nothing of sockets, closing or errors to send: text and settings in, utterances out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streaming.protocol.messages import ClientMessage
from streaming.protocol.parameters import ELEVENLABS_SCHEDULE, Parameters
from streaming.protocol.ssml import MAX_PAUSE, Break, Part, SsmlFilter
from streaming.protocol.text_buffer import MAX_UTTERANCE, Piece, TextBuffer

# Words are over at a blank, in scripts without blanks at a mark. Of less news than this many characters nobody is told.
_WORD_END = re.compile(r"\s+|[、。，！？；：]+")
LEAST_NEWS = 4


@dataclass(frozen=True, slots=True)
class Utterance:
    """One piece of text for the engine, with the settings that it is spoken with, and the seconds of silence after it.

    An utterance with an empty text is only that silence. `is_timed`: the client is told when its characters are heard.
    """

    turn: int
    index: int
    text: str
    parameters: Parameters
    pause: float = 0.0
    is_timed: bool = True


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """When this is reported, everything of the turn has been spoken."""

    turn: int


class Context:
    """Buffer, settings and turn of one stream.

    `by_turn`: changed settings wait for the next turn, as in the native dialect; otherwise they hold from the next
    utterance on. `default_schedule`: whether long text is spoken by ElevenLabs' schedule where the client sets none;
    otherwise such text waits for a flush, a trigger or the end. `always_timed`: the times of characters are told without
    `sync_alignment`, too.
    """

    def __init__(
        self, parameters: Parameters, *, by_turn: bool, default_schedule: bool, always_timed: bool = True
    ) -> None:
        self._by_turn = by_turn
        self._always_timed = always_timed
        self._default_schedule = ELEVENLABS_SCHEDULE if default_schedule else None
        self._ssml = SsmlFilter()
        self._buffer = TextBuffer(max_pause=MAX_PAUSE)
        self._current = self._next = parameters
        self._turn = 0
        self._index = 0
        self._begun = False
        # How many characters of the buffer have been told as what is expected.
        self._told = 0

    @property
    def latest(self) -> Parameters:
        """The settings as they were last changed, even if they wait for the next turn."""
        return self._next

    @property
    def has_begun(self) -> bool:
        """Whether the turn has any words."""
        return self._begun

    @property
    def buffered_chars(self) -> int:
        return len(self._buffer) + self._ssml.held_chars

    def receive(self, message: ClientMessage) -> list[Utterance | TurnEnd]:
        """Take in one message: its settings, its text, then what it asks for."""
        self.apply(message.soft)
        if message.text and message.text.strip():
            self._begun = True
        return self._speak_text(message)

    def expected(self) -> Utterance | None:
        """What the next utterance will probably begin with, if it is words longer than when it was last asked for: whole
        words, up to the most that an utterance has."""
        text = self._buffer.beginning(most=MAX_UTTERANCE)
        *_, end = (0, *(match.end() for match in _WORD_END.finditer(text)))
        if end == self._told or self._told < end < self._told + LEAST_NEWS:
            return None
        self._told = end
        return Utterance(self._turn, self._index, text[:end], self._current) if end else None

    def apply(self, changed: Mapping[str, Any]) -> None:
        """Take in changed settings."""
        self._next = self._next.updated(changed)
        if not (self._by_turn and self._begun):
            self._current = self._next

    def _speak_text(self, message: ClientMessage) -> list[Utterance | TurnEnd]:
        self._buffer_parts(self._ssml.feed(message.text or ""))
        if message.is_end:
            self._buffer_parts(self._ssml.finish())
            spoken: list[Utterance | TurnEnd] = [
                *self._utterances(self._buffer.take_all(self._current.language)),
                TurnEnd(self._turn),
            ]
            self._begin_turn()
            return spoken
        if message.flush:
            self._buffer_parts(self._ssml.flush())
        # Under auto_mode every message is a phrase of its own and needs no blank at its end.
        if message.flush or (self._current.auto_mode and message.text):
            return [*self._utterances(self._buffer.take_all(self._current.language))]
        return [*self._utterances(self._take_ready(message))]

    def _buffer_parts(self, parts: list[Part]) -> None:
        for part in parts:
            if isinstance(part, Break):
                self._buffer.pause(part.seconds)
            else:
                self._buffer.append(part)

    def _take_ready(self, message: ClientMessage) -> list[Piece]:
        language = self._current.language
        schedule = self._current.chunk_length_schedule or self._default_schedule
        ready = self._buffer.take_scheduled(schedule, self._index, language) if schedule else []
        if message.try_trigger:
            ready += self._buffer.take_triggered(language)
        return ready

    def _utterances(self, pieces: list[Piece]) -> list[Utterance]:
        is_timed = self._always_timed or self._current.sync_alignment
        utterances = [
            Utterance(self._turn, index, piece.text, self._current, piece.pause, is_timed)
            for index, piece in enumerate(pieces, self._index)
        ]
        self._index += len(pieces)
        if pieces:
            self._told = 0
        return utterances

    def _begin_turn(self) -> None:
        self._turn += 1
        self._index = 0
        self._begun = False
        self._current = self._next
