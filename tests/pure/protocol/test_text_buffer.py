"""When text is let go, and that none of it is lost, moved or cut in the wrong place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol.text_buffer import MAX_UTTERANCE, TRIGGER_MINIMUM, Piece, TextBuffer

LETTERS = st.text("ab .,!?\n-“”", max_size=40)


def filled(text: str) -> TextBuffer:
    buffer = TextBuffer()
    buffer.append(text)
    return buffer


def all_of(buffer: TextBuffer) -> list[str]:
    return texts(buffer.take_all())


def scheduled(buffer: TextBuffer, schedule: tuple[int, ...], done: int = 0) -> list[str]:
    return texts(buffer.take_scheduled(schedule, done))


def texts(pieces: list[Piece]) -> list[str]:
    assert not any(piece.pause for piece in pieces)
    return [piece.text for piece in pieces]


def test_a_new_buffer_is_empty() -> None:
    assert len(TextBuffer()) == 0
    assert all_of(TextBuffer()) == []


def test_split_words_are_joined_as_they_were() -> None:
    buffer = filled("Hel")
    buffer.append("lo ")
    buffer.append("world")
    assert all_of(buffer) == ["Hello world"]


@pytest.mark.parametrize("blank", ["", " ", "\n\t "])
def test_blanks_before_any_text_are_dropped(blank: str) -> None:
    buffer = filled(blank)
    assert len(buffer) == 0
    buffer.append("Hello")
    assert all_of(buffer) == ["Hello"]


def test_blanks_that_come_with_text_are_kept() -> None:
    buffer = filled(" Hello")
    buffer.append(" ")
    assert all_of(buffer) == [" Hello "]


def test_taking_everything_empties_the_buffer() -> None:
    buffer = filled("Hello")
    all_of(buffer)
    assert len(buffer) == 0


def test_long_text_is_taken_in_pieces() -> None:
    text = 20 * "This is a sentence of somewhat more than fifty characters. "
    taken = all_of(filled(text))
    assert "".join(taken) == text
    assert all(len(piece) <= MAX_UTTERANCE and piece.endswith(". ") for piece in taken)


# The schedule


def test_the_first_value_is_the_first_wait() -> None:
    assert scheduled(filled("one two t"), (10, 20), 0) == []
    assert scheduled(filled("one two th"), (10, 20), 0) == ["one two "]


def test_the_wait_is_that_of_the_next_generation() -> None:
    assert scheduled(filled("one two three "), (10, 20), 1) == []
    assert scheduled(filled("one two three four five "), (10, 20), 1) == ["one two three four five "]


def test_the_last_value_repeats() -> None:
    assert scheduled(filled("one two three "), (100, 10), 7) == ["one two three "]


def test_one_call_may_start_several_generations() -> None:
    buffer = filled(10 * ("word " * 49 + "end. "))
    assert [len(piece) for piece in scheduled(buffer, (250, 250), 0)] == 10 * [250]


def test_each_generation_of_a_call_uses_its_own_value() -> None:
    buffer = filled(60 * "word ")
    assert [len(piece) for piece in scheduled(buffer, (250, 60), 0)] == [250]
    assert len(buffer) == 50


def test_the_end_of_a_sentence_is_preferred() -> None:
    text = "One sentence ends here. Another one goes on, and on"
    assert scheduled(filled(text), (40,), 0) == ["One sentence ends here. "]


def test_a_word_that_may_go_on_is_not_taken() -> None:
    buffer = filled("wonder" * 30)
    assert scheduled(buffer, (10,), 0) == []
    buffer.append(" ")
    assert len(scheduled(buffer, (10,), 0)[0]) == 181


# The trigger


def test_a_trigger_needs_its_minimum() -> None:
    assert texts(filled("w" * (TRIGGER_MINIMUM - 2) + " ").take_triggered()) == []
    assert len(texts(filled("w" * (TRIGGER_MINIMUM - 1) + " ").take_triggered())) == 1


def test_a_trigger_leaves_an_unfinished_word() -> None:
    buffer = filled("Word after word after word after word, and then som")
    assert texts(buffer.take_triggered()) == ["Word after word after word after word, "]
    assert all_of(buffer) == ["and then som"]


# Pauses


def paused(*parts: str | float) -> TextBuffer:
    buffer = TextBuffer(max_pause=3.0)
    for part in parts:
        if isinstance(part, str):
            buffer.append(part)
        else:
            buffer.pause(part)
    return buffer


def test_a_pause_is_behind_the_text_before_it() -> None:
    assert paused("One. ", 1.0, "Two.").take_all() == [Piece("One. ", 1.0), Piece("Two.")]


def test_a_pause_at_the_end_is_kept() -> None:
    assert paused("One.", 1.0).take_all() == [Piece("One.", 1.0)]


def test_a_pause_with_no_text_before_it_stands_alone() -> None:
    assert paused(1.0, "One.").take_all() == [Piece("", 1.0), Piece("One.")]


def test_pauses_with_blanks_between_them_add_up() -> None:
    assert paused("One.", 1.0, " ", 0.5, "Two.").take_all() == [Piece("One.", 1.5), Piece(" Two.")]


def test_a_pause_is_not_longer_than_the_longest() -> None:
    assert paused(2.0, 2.0, "One.", 9.0).take_all() == [Piece("", 3.0), Piece("One.", 3.0)]


def test_only_the_last_piece_of_a_long_text_has_the_pause() -> None:
    taken = paused("word " * 100, 1.0).take_all()
    assert [piece.pause for piece in taken] == [0.0, 1.0]


def test_a_pause_starts_no_generation_by_itself() -> None:
    buffer = paused("One. ", 1.0, "Two.")
    assert buffer.take_scheduled((20,), 0) == []
    buffer.append(" Three, and more.")
    assert buffer.take_scheduled((20, 50), 0) == [Piece("One. ", 1.0)]


def test_a_pause_is_a_place_to_cut_for_schedule_and_trigger() -> None:
    buffer = paused("word " * 60, "end", 1.0, "word " * 12)
    assert buffer.take_triggered() == [Piece("word " * 50), Piece("word " * 10 + "end", 1.0), Piece("word " * 12)]


def test_what_was_taken_has_left_with_its_pauses() -> None:
    buffer = paused("One. ", 1.0, "Two.", 2.0)
    buffer.take_all()
    assert buffer.take_all() == []


@given(st.lists(st.tuples(LETTERS, st.sampled_from(["schedule", "trigger", "pause", "none"])), max_size=60))
def test_nothing_is_lost_and_every_cut_is_behind_a_blank_or_a_pause(parts: list[tuple[str, str]]) -> None:
    buffer, expected, taken = TextBuffer(), "", list[Piece]()
    for text, ask in parts:
        before = len(buffer)
        buffer.append(text)
        expected += text if len(buffer) > before else ""
        taken += buffer.take_scheduled((20, 60), len(taken)) if ask == "schedule" else []
        taken += buffer.take_triggered() if ask == "trigger" else []
        if ask == "pause":
            buffer.pause(1.0)
    rest = buffer.take_all()
    taken += rest
    assert "".join("".join(piece.text for piece in taken).split()) == "".join(expected.split())
    assert all(piece.pause or piece.text[-1].isspace() for piece in taken[: -len(rest) or None])
