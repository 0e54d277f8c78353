"""Text that was made to cost much: whatever a client sends, and however it cuts it into messages, the work grows with the
length of the text and not with its square. Counted at one length and at twice that length.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol.alignment import Aligner
from streaming.protocol.context import Context, Utterance
from streaming.protocol.messages import ClientMessage
from streaming.protocol.parameters import Parameters
from streaming.protocol.speaking_rate import Tempo
from streaming.protocol.ssml import SsmlFilter
from streaming.text import boundaries
from streaming.text.boundaries import LONGEST_PIECE
from streaming.text.normalization.normalizer import normalize
from streaming.text.pronunciation import MOST_SPOKEN, Alias, Pronouncer
from streaming.text.rewriting import Rewriting, Segment
from tests.attacks.counting import ScannedPattern, lines_of, work_of
from tests.pure.speech.engine import StandIn
from tests.pure.speech.test_speech_queue import make_queue, utterance

# Twice the text is twice the work. Four times would be the square; between them is what a beginning costs.
LINEAR = 2.4
# Several times the longest piece.
LENGTH = 1200

Messages = list[ClientMessage]

# What is repeated, and how many characters of it are one message; 0: all of them.
ATTACKS = {
    "pauses in one message": ("<break/>a", 0),
    "pauses in small messages": ("<break/>a", 7),
    "pauses, each a message": ("<break/>a", 9),
    "letters without a blank, a few at a time": ("a", 10),
    "letters without a blank": ("a", 0),
    "blanks, a few at a time": (" ", 10),
    "angle brackets": ("<", 0),
    "angle brackets, a few at a time": ("<", 10),
    "ampersands behind a tag": ("<p>&", 0),
    "tags that never end": ('<p a="', 0),
    "words, a few at a time": ("word ", 10),
    "words in one message": ("word ", 0),
    "sentences of one letter": ("a. ", 10),
    "abbreviations, a few at a time": ("Dr. z. B. ", 7),
    "ordinal numbers": ("31. ", 10),
    "thousands of a number": ("123 ", 10),
    "a script without blanks": ("你", 10),
    "marks": ("。", 10),
    "Thai with its marks": ("กำ", 10),
    "joined pictures": ("\U0001f468\u200d", 10),
    "a tower of accents": ("\u0301", 10),
    "substitutions": ('<sub alias="b">a</sub>', 0),
}


def messages(pattern: str, each: int, length: int, **flags: Any) -> Messages:
    text = "x" + (pattern * length)[:length]
    parts = [text[start : start + each] for start in range(0, len(text), each)] if each else [text]
    return [*(ClientMessage(text=part, **flags) for part in parts), ClientMessage(text="")]


def heard(sent: Iterable[ClientMessage], *, default_schedule: bool = True) -> list[Utterance]:
    context = Context(Parameters(), by_turn=not default_schedule, default_schedule=default_schedule)
    items = [item for message in sent for item in context.receive(message)]
    return [item for item in items if isinstance(item, Utterance)]


# Lines that ran, characters that were copied, and those that were scanned.
Costs = tuple[int, int, int]


def is_linear(once: int, twice: int) -> bool:
    return twice <= LINEAR * max(once, 2000)


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> ScannedPattern:
    pattern = ScannedPattern(boundaries._BOUNDARY)
    monkeypatch.setattr(boundaries, "_BOUNDARY", pattern)
    return pattern


# How the messages are sent: what each of them asks for, and whether text is spoken before anybody asks.
WAYS = {
    "elevenlabs": ({}, True),
    "trigger": ({"try_trigger": True}, True),
    "flush": ({"flush": True}, True),
    "native": ({}, False),
}
way = pytest.mark.parametrize(("flags", "default_schedule"), WAYS.values(), ids=WAYS.keys())


@pytest.mark.parametrize("name", ATTACKS)
def test_a_stream_of_text(name: str, scans: ScannedPattern) -> None:
    once, twice = costs_of(name, {}, True, scans)
    assert all(map(is_linear, once, twice)), f"{once} for a text, {twice} for twice the text"


@pytest.mark.parametrize(
    "name", ["pauses in small messages", "angle brackets, a few at a time", "blanks, a few at a time"]
)
@way
def test_a_stream_of_text_that_asks_for_speech(
    name: str, flags: dict[str, Any], default_schedule: bool, scans: ScannedPattern
) -> None:
    once, twice = costs_of(name, flags, default_schedule, scans)
    assert all(map(is_linear, once, twice)), f"{once} for a text, {twice} for twice the text"


def costs_of(name: str, flags: dict[str, Any], default_schedule: bool, scans: ScannedPattern) -> tuple[Costs, Costs]:
    """Of a text, and of one that is twice as long."""

    def costs(length: int) -> Costs:
        sent, before = messages(*ATTACKS[name], length, **flags), scans.scanned
        work = work_of(lambda: heard(sent, default_schedule=default_schedule))
        return work.lines, work.copied, scans.scanned - before

    _, each = ATTACKS[name]
    length = LENGTH if each else 4 * LENGTH
    return costs(length), costs(2 * length)


@pytest.mark.parametrize("name", ATTACKS)
@way
def test_an_utterance_has_a_most(name: str, flags: dict[str, Any], default_schedule: bool) -> None:
    spoken = heard(messages(*ATTACKS[name], LENGTH, **flags), default_schedule=default_schedule)
    assert max(len(each.text) for each in spoken) <= LONGEST_PIECE


@given(
    st.lists(st.text("ab<.,! \n你。ก\u0301\U0001f468\u200d", max_size=300), max_size=30),
    st.sampled_from([{}, {"try_trigger": True}]),
    st.booleans(),
)
def test_the_utterances_of_a_text_are_the_text(parts: list[str], flags: dict[str, Any], default_schedule: bool) -> None:
    text = "x" + "".join(parts) + "x"
    sent = [ClientMessage(text=part, **flags) for part in ("x", *filter(None, parts), "x")]
    spoken = heard([*sent, ClientMessage(text="")], default_schedule=default_schedule)
    assert "".join(each.text for each in spoken) == text
    assert all(len(each.text) <= LONGEST_PIECE for each in spoken)


def test_digits_that_are_no_time_are_read_once() -> None:
    """Work that grew with the cube of a tag's length would not end here within the hour."""
    tag = f'<break time="{"9" * 280}"/>'
    assert len(SsmlFilter().feed(tag * 40_000)) == 40_000


# On the way to the engine


@pytest.mark.parametrize("text", ["", "..."], ids=["pauses", "utterances without a sound"])
async def test_what_waits_for_the_engine_is_not_gone_through_for_each_message(text: str) -> None:
    async def cost(length: int) -> int:
        executor, first = StandIn(), utterance(0)
        queue = make_queue(executor)
        queue.put(first)
        await queue.submit(await queue.first(), first)
        for index in range(1, length):
            executor.generate(len(executor.streams) - 1, np.zeros(0, dtype=np.float32))
            queue.put(utterance(index, text))
            queue.submit_ahead(0.0)

        def look() -> None:
            for _ in range(50):
                queue.submit_ahead(0.0)

        return lines_of(look)

    assert await cost(400) == await cost(200)


def rewritten(length: int) -> Rewriting:
    return Rewriting((Segment("b", "a"),) * length)


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("text", [lambda length: Rewriting.unchanged("a" * length), rewritten])
def test_the_characters_of_an_utterance_get_their_times(text: Callable[[int], Rewriting], is_told: bool) -> None:
    def cost(length: int) -> int:
        def align() -> None:
            aligner = Aligner(text(length), Tempo())
            for packet in range(length):
                aligner.extend(packet / 10, packet + 1 if is_told else None, None)
                aligner.take(packet / 10, (packet + 1) / 10, last=False)
            aligner.finish(length / 10, piece_end=None, last_packet_start=length / 10, end=length / 10)

        return lines_of(align)

    assert is_linear(cost(LENGTH // 4), cost(LENGTH // 2))


# Dictionaries, which the staff makes


def rules(count: int) -> list[Alias]:
    """That all begin with the letters of the text, and that none of it fits."""
    return [Alias(f"{'a' * 20}{number:06}", "b", whole_words=False) for number in range(count)]


def test_the_length_of_a_text_and_a_large_dictionary() -> None:
    pronouncer = Pronouncer(rules(1000))

    def cost(length: int) -> int:
        return lines_of(lambda: pronouncer.pronounce("a" * length))

    assert is_linear(cost(LENGTH), cost(2 * LENGTH))


def test_the_number_of_rules_costs_nothing_when_text_is_spoken() -> None:
    def cost(count: int) -> int:
        pronouncer = Pronouncer(rules(count))
        return lines_of(lambda: pronouncer.pronounce("a" * 500))

    assert cost(10_000) == cost(1000)


def test_a_dictionary_makes_no_endless_utterance_of_a_short_one() -> None:
    pronouncer = Pronouncer([Alias("a", "word " * 50, whole_words=False), Alias("b", "c", whole_words=False)])
    text = "a" * LONGEST_PIECE + "b"
    said = pronouncer.pronounce(text)
    assert said.original == text
    assert len(said.spoken) <= MOST_SPOKEN
    assert said.spoken.startswith("word " * 300)
    assert said.spoken.endswith("aac")


# What is written, to what is said


@pytest.mark.parametrize(
    "written", ["$", "0-", "1/", "½", "1.", "a@", "[a](", "<b ", "31. ", "\n# ", "| ", "Louis X ", "-- "]
)
@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_numbers_signs_and_markup(written: str, language: str) -> None:
    normalize(written, language)  # loads the language

    def cost(length: int) -> int:
        return lines_of(lambda: normalize((written * length)[:length], language))

    assert is_linear(cost(LENGTH), cost(2 * LENGTH))


@pytest.mark.parametrize(
    "written", ["{n}-{n}", "{n}-{n}0", "{n}–{n}", "${n}", "{n} km", "{n}.{n}", "{n}/{n}", "{n}th", "-{n}½"]
)
@pytest.mark.parametrize("language", ["en", "de", "ru", "zh"])
def test_a_number_of_any_length_is_read(written: str, language: str) -> None:
    """Python itself reads none of more than 4300 digits."""
    text = written.format(n="7" * 5000)
    assert normalize(text, language).original == text
