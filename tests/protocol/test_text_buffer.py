"""When text is let go, and that none of it is lost, moved or cut in the wrong place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol.text_buffer import MAX_UTTERANCE, TRIGGER_MINIMUM, TextBuffer

LETTERS = st.text("ab .,!?\n-“”", max_size=40)


def filled(text: str) -> TextBuffer:
    buffer = TextBuffer()
    buffer.append(text)
    return buffer


def test_a_new_buffer_is_empty() -> None:
    assert len(TextBuffer()) == 0
    assert TextBuffer().take_all() == []


def test_split_words_are_joined_as_they_were() -> None:
    buffer = filled("Hel")
    buffer.append("lo ")
    buffer.append("world")
    assert buffer.take_all() == ["Hello world"]


@pytest.mark.parametrize("blank", ["", " ", "\n\t "])
def test_blanks_before_any_text_are_dropped(blank: str) -> None:
    buffer = filled(blank)
    assert len(buffer) == 0
    buffer.append("Hello")
    assert buffer.take_all() == ["Hello"]


def test_blanks_that_come_with_text_are_kept() -> None:
    buffer = filled(" Hello")
    buffer.append(" ")
    assert buffer.take_all() == [" Hello "]


def test_taking_everything_empties_the_buffer() -> None:
    buffer = filled("Hello")
    buffer.take_all()
    assert len(buffer) == 0


def test_long_text_is_taken_in_pieces() -> None:
    text = 20 * "This is a sentence of somewhat more than fifty characters. "
    taken = filled(text).take_all()
    assert "".join(taken) == text
    assert all(len(piece) <= MAX_UTTERANCE and piece.endswith(". ") for piece in taken)


# The schedule


def test_the_first_value_is_the_first_wait() -> None:
    assert filled("one two t").take_scheduled((10, 20), 0) == []
    assert filled("one two th").take_scheduled((10, 20), 0) == ["one two "]


def test_the_wait_is_that_of_the_next_generation() -> None:
    assert filled("one two three ").take_scheduled((10, 20), 1) == []
    assert filled("one two three four five ").take_scheduled((10, 20), 1) == ["one two three four five "]


def test_the_last_value_repeats() -> None:
    assert filled("one two three ").take_scheduled((100, 10), 7) == ["one two three "]


def test_one_call_may_start_several_generations() -> None:
    buffer = filled(10 * ("word " * 49 + "end. "))
    assert [len(piece) for piece in buffer.take_scheduled((250, 250), 0)] == 10 * [250]


def test_each_generation_of_a_call_uses_its_own_value() -> None:
    buffer = filled(60 * "word ")
    assert [len(piece) for piece in buffer.take_scheduled((250, 60), 0)] == [250]
    assert len(buffer) == 50


def test_the_end_of_a_sentence_is_preferred() -> None:
    text = "One sentence ends here. Another one goes on, and on"
    assert filled(text).take_scheduled((40,), 0) == ["One sentence ends here. "]


def test_a_word_that_may_go_on_is_not_taken() -> None:
    buffer = filled("wonder" * 30)
    assert buffer.take_scheduled((10,), 0) == []
    buffer.append(" ")
    assert len(buffer.take_scheduled((10,), 0)[0]) == 181


# The trigger


def test_a_trigger_needs_its_minimum() -> None:
    assert filled("w" * (TRIGGER_MINIMUM - 2) + " ").take_triggered() == []
    assert len(filled("w" * (TRIGGER_MINIMUM - 1) + " ").take_triggered()) == 1


def test_a_trigger_leaves_an_unfinished_word() -> None:
    buffer = filled("Word after word after word after word, and then som")
    assert buffer.take_triggered() == ["Word after word after word after word, "]
    assert buffer.take_all() == ["and then som"]


@given(st.lists(st.tuples(LETTERS, st.sampled_from(["schedule", "trigger", "none"])), max_size=60))
def test_nothing_is_lost_and_every_cut_is_behind_a_blank(parts: list[tuple[str, str]]) -> None:
    buffer, expected, taken = TextBuffer(), "", list[str]()
    for text, ask in parts:
        before = len(buffer)
        buffer.append(text)
        expected += text if len(buffer) > before else ""
        taken += buffer.take_scheduled((20, 60), len(taken)) if ask == "schedule" else []
        taken += buffer.take_triggered() if ask == "trigger" else []
    rest = buffer.take_all()
    taken += rest
    assert "".join(taken).rstrip() == expected.rstrip()
    assert all(piece[-1].isspace() for piece in taken[: -len(rest) or None])
