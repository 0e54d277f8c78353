"""What is heard of SSML: text without tags, and pauses; however the text is cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol.ssml import MAX_COVERED, MAX_PAUSE, MAX_TAG, Break, Part, SsmlFilter

PIECES = st.sampled_from(
    [
        *('<break time="1s"/>', "<break/>", "<break strength='none'/>", "<BREAK TIME='200ms' >", "<break", "<br>"),
        *('<phoneme alphabet="ipa" ph="ˈtoʊmɑːtoʊ">', "</phoneme>", "<p>", "</p>", "<s>", "</s>", "<p ", 'x="1"', ">"),
        *('<sub alias="W &amp; C">', "</sub>", '<sub alias="X"/>', "<?xml version='1.0'?>", "<say-as interpret-as=a>"),
        *("Hello ", "a", " ", "<", "&", "&amp;", "&lt;", "&#65;", "&#xD800;", ";", '"', "'", "/", "=", "word " * 70),
    ]
)
MARKED_UP = st.lists(PIECES, max_size=12).map("".join)


def heard(*pieces: str) -> list[Part]:
    stream = SsmlFilter()
    parts = [part for piece in pieces for part in stream.feed(piece)] + stream.finish()
    return joined(parts)


def joined(parts: list[Part]) -> list[Part]:
    """The parts with neighbouring texts as one."""
    result: list[Part] = []
    for part in parts:
        if isinstance(part, str) and result and isinstance(result[-1], str):
            result[-1] += part
        else:
            result.append(part)
    return result


def words(text: str) -> str:
    return "".join(part for part in heard(text) if isinstance(part, str))


def pause(tag: str) -> float:
    (part,) = heard(tag)
    assert isinstance(part, Break)
    return part.seconds


@pytest.mark.parametrize(
    "tag",
    [
        "<speak>",
        "</speak>",
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US">',
        "<p>",
        "<s>",
        '<emphasis level="strong">',
        "</emphasis>",
        '<prosody rate="slow" pitch="+10%">',
        '<say-as interpret-as="characters">',
        '<lang xml:lang="fr-FR">',
        "<voice name='Ann > Bob'>",
        '<phoneme alphabet="cmu-arpabet" ph="M AE1 D IH0 S AH0 N">',
        '<mark name="here"/>',
        "<break strength = none />",
        "<PHONEME alphabet='ipa' ph=''\n>",
    ],
)
def test_a_tag_is_not_spoken(tag: str) -> None:
    assert heard(f"one {tag}two") == ["one two"]


@pytest.mark.parametrize(
    "text",
    [
        *("a < b", "a<b and b>a", "I <3 you", "x <= y", "<", "<<", "</", "< break/>", "<>", "</>"),
        *("<breakfast>", "<pre>", "<html>", "<b>bold</b>", "<break", "<brea", "if a <p then q", "<p q>", "<break time"),
        *("<s = 1>", "<p =1>", '<p a="1"b="2">', "Tom &amp; Jerry", "&lt;break/&gt;", "AT&T"),
    ],
)
def test_what_is_no_tag_is_text(text: str) -> None:
    assert heard(text) == [text]


@pytest.mark.parametrize(
    ("tag", "seconds"),
    [
        ('<break time="1.5s"/>', 1.5),
        ("<break time='500ms' />", 0.5),
        ('<break time=".25 s">', 0.25),
        ("<break time=2s/>", 2.0),
        ("<break time=“1s”/>", 1.0),
        ('<break time="99s"/>', MAX_PAUSE),
        ('<break time="soon"/>', 0.5),
        ("<break/>", 0.5),
        ('<break strength="x-strong"/>', 1.5),
        ('<break strength="weird"/>', 0.5),
        ('<Break Time="1S"/>', 1.0),
    ],
)
def test_a_break_is_a_pause(tag: str, seconds: float) -> None:
    assert pause(tag) == seconds


@pytest.mark.parametrize("tag", ['<break time="0s"/>', '<break strength="none"/>', "</break>"])
def test_a_break_of_nothing_is_nothing(tag: str) -> None:
    assert heard(f"one {tag}two") == ["one two"]


def test_a_pause_stands_where_its_tag_stands() -> None:
    assert heard('One. <break time="1s"/> Two.') == ["One. ", Break(1.0), " Two."]


def test_a_paragraph_ends_a_word() -> None:
    assert words("<p><s>One.</s><s>Two.</s></p>Three.") == "One. Two.  Three."


def test_a_phoneme_is_spoken_as_it_is_written() -> None:
    assert words('I say <phoneme alphabet="ipa" ph="təˈmɑːtəʊ">tomato</phoneme>.') == "I say tomato."


def test_an_alias_is_spoken_in_place_of_its_text() -> None:
    assert (
        words('The <sub alias="World Wide Web Consortium">W3C</sub> agreed.') == "The World Wide Web Consortium agreed."
    )


@pytest.mark.parametrize("text", ["<sub>W3C</sub>", '<sub alias="W3C"/>', '<sub alias="W3C">x<break/>y</sub>'])
def test_odd_substitutions(text: str) -> None:
    assert heard(text) == ["W3C"]


def test_an_alias_that_never_ends_costs_little() -> None:
    assert words('<sub alias="A">' + "x" * MAX_COVERED + "The rest.") == "AThe rest."


def test_an_alias_ends_with_a_flush() -> None:
    stream = SsmlFilter()
    assert stream.feed('<sub alias="A">x') == ["A"]
    stream.flush()
    assert stream.feed("The rest.") == ["The rest."]


def test_entities_are_characters_beside_tags() -> None:
    assert words("<speak>Tom &amp; Jerry &lt;break/&gt; &#8364;5 &#x41; &quot;&apos;</speak>") == (
        "Tom & Jerry <break/> €5 A \"'"
    )


def test_entities_in_an_alias() -> None:
    assert words('<sub alias="Tom &amp; Jerry">TJ</sub>') == "Tom & Jerry"


@pytest.mark.parametrize("text", ["&", "&;", "&nbsp;", "&amp", "&ampere;", "&#;", "&#x;", "& "])
def test_what_is_no_entity_is_text(text: str) -> None:
    assert words("<speak>" + text) == text


def test_text_that_cannot_become_a_tag_does_not_wait() -> None:
    stream = SsmlFilter()
    assert stream.feed("1 < 2 <b") == ["1 < 2 "]
    assert stream.held_chars == 2
    assert stream.feed("o") == ["<bo"]


def test_a_tag_waits_for_its_end() -> None:
    stream = SsmlFilter()
    assert stream.feed('Wait. <break time="1') == ["Wait. "]
    assert stream.feed('s"/>Go.') == [Break(1.0), "Go."]


def test_a_tag_that_goes_on_too_long_is_text() -> None:
    text = '<voice name="' + "x" * MAX_TAG
    assert SsmlFilter().feed(text) == [text]


def test_the_longest_tag() -> None:
    start, end = '<voice name="', '">'
    tag = start + "x" * (MAX_TAG - len(start + end)) + end
    assert len(tag) == MAX_TAG
    assert heard(tag) == []


@pytest.mark.parametrize("text", ["<", "</sp", "<p", "<p class", "<break/"])
def test_a_flush_speaks_what_is_no_tag_yet(text: str) -> None:
    stream = SsmlFilter()
    assert stream.feed(text) == []
    assert stream.flush() == [text]
    assert stream.held_chars == 0


def test_a_flush_does_not_speak_half_a_tag() -> None:
    stream = SsmlFilter()
    stream.feed('<break time="1')
    assert stream.flush() == []
    assert stream.feed('s"/>') == [Break(1.0)]


def test_the_end_drops_half_a_tag_and_begins_anew() -> None:
    stream = SsmlFilter()
    stream.feed('Wait. <break time="1')
    assert stream.finish() == []
    assert stream.feed("Tom &amp; ") == ["Tom &amp; "]


@given(text=MARKED_UP | st.text(), cuts=st.lists(st.integers(0, 400)))
def test_it_does_not_matter_how_the_text_is_cut(text: str, cuts: list[int]) -> None:
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    assert heard(*(text[start:end] for start, end in pairwise(edges))) == heard(text)


@given(MARKED_UP)
def test_a_character_at_a_time(text: str) -> None:
    assert heard(*text) == heard(text)


@given(st.text("ab <>/&;=\"'", max_size=60))
def test_text_without_a_known_tag_is_kept(text: str) -> None:
    assert words(text) == text


@given(MARKED_UP)
def test_little_waits_and_pauses_are_short(text: str) -> None:
    stream = SsmlFilter()
    for char in text:
        for part in stream.feed(char):
            assert isinstance(part, str) or 0 < part.seconds <= MAX_PAUSE
        assert stream.held_chars < MAX_TAG
