import pytest

from voices.lexicon import MAX_BYTES, LexiconError, read_lexicon

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><lexicon version="1.0" '
    'xmlns="http://www.w3.org/2005/01/pronunciation-lexicon" alphabet="ipa" xml:lang="en-US">'
)


def lexicon(*lexemes: str) -> bytes:
    return (HEAD + "".join(f"<lexeme>{lexeme}</lexeme>" for lexeme in lexemes) + "</lexicon>").encode()


def refusal(content: bytes) -> str:
    with pytest.raises(LexiconError) as caught:
        read_lexicon(content)
    return str(caught.value)


def test_aliases_are_read() -> None:
    content = lexicon(
        "<grapheme>GIF</grapheme><alias>jif</alias>",
        "<grapheme> Zoë\n K. </grapheme><grapheme>ZK</grapheme><alias>Zoe <b>Kay</b></alias><alias>other</alias>",
    )
    assert read_lexicon(content) == {"GIF": "jif", "Zoë K.": "Zoe Kay", "ZK": "Zoe Kay"}


def test_a_file_without_a_namespace_is_read() -> None:
    content = "\ufeff<lexicon><lexeme><grapheme>A</grapheme><alias>B</alias></lexeme></lexicon>".encode()
    assert read_lexicon(content) == {"A": "B"}


def test_a_phoneme_rule_is_refused_by_name() -> None:
    text = refusal(lexicon("<grapheme>A</grapheme><alias>B</alias>", "<grapheme>tomato</grapheme><phoneme>x</phoneme>"))
    assert "“tomato” has a phoneme rule" in text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not XML"),
        (b"\xff\xfe<\0", "not XML"),
        (b"<lexicon>", "not XML"),
        (lexicon(), "no lexeme"),
        (lexicon("<grapheme>A</grapheme>"), "no alias"),
        (lexicon("<grapheme> </grapheme><alias>A</alias>"), "no grapheme"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><lexicon>&a;</lexicon>", "document type"),
        (b" " * (MAX_BYTES + 1), "larger"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    assert reason in refusal(content)


@pytest.mark.parametrize("depth", [1, 5000])
def test_a_lexeme_within_another_is_refused(depth: int) -> None:
    """The text of each would be that of all within it: the square of the file's length."""
    nested = "<lexeme><alias>b</alias><grapheme>a" * (depth + 1) + "</grapheme></lexeme>" * (depth + 1)
    with pytest.raises(LexiconError, match="within another element"):
        read_lexicon(f"<lexicon>{nested}</lexicon>".encode())
