from hypothesis import given
from hypothesis import strategies as st

from streaming.text.rewriting import Rewriting, Segment

SEGMENTS = st.lists(st.builds(Segment, st.text(max_size=8), st.text(max_size=8)), max_size=6).map(tuple)


def test_an_unchanged_text_is_spoken_as_it_came() -> None:
    rewriting = Rewriting.unchanged("Hello.")
    assert (rewriting.original, rewriting.spoken, rewriting.original_end(3)) == ("Hello.", "Hello.", 3)


def test_nothing_is_rewritten_to_nothing() -> None:
    assert Rewriting.unchanged("").original_end(0) == 0


def test_what_is_behind_a_replacement_is_found_again() -> None:
    rewriting = Rewriting((Segment("Dr", "Doctor"), Segment(" Who", " Who")))
    assert [rewriting.original_end(end) for end in (0, 3, 6, 7, 10)] == [0, 1, 2, 3, 6]


@given(SEGMENTS)
def test_the_ends_of_both_texts_meet(segments: tuple[Segment, ...]) -> None:
    rewriting = Rewriting(segments)
    assert rewriting.original_end(len(rewriting.spoken)) == len(rewriting.original)


@given(SEGMENTS)
def test_the_original_never_runs_backwards(segments: tuple[Segment, ...]) -> None:
    rewriting = Rewriting(segments)
    ends = [rewriting.original_end(end) for end in range(len(rewriting.spoken) + 1)]
    assert ends == sorted(ends)
