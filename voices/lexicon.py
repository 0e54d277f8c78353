"""Reads ElevenLabs' other form of a pronunciation dictionary: a W3C Pronunciation Lexicon (PLS 1.0, XML). Pure.

<lexeme><grapheme>GIF</grapheme><alias>jif</alias></lexeme>
"""

from collections.abc import Iterator

# Entities, the danger of this parser, are refused below.
from xml.etree import ElementTree

from django.utils.translation import gettext as _

MAX_BYTES = 1024 * 1024


class LexiconError(Exception):
    """The file cannot be used. The message says why, for people."""


def read_lexicon(content: bytes) -> dict[str, str]:
    """What is written -> what is said. Raises LexiconError."""
    aliases: dict[str, str] = {}
    for lexeme in _lexemes(content):
        written = [text for element in lexeme if _name(element) == "grapheme" and (text := _text(element))]
        spoken = [text for element in lexeme if _name(element) == "alias" and (text := _text(element))]
        if any(_name(element) == "phoneme" for element in lexeme):
            raise LexiconError(
                _(
                    "“%(word)s” has a phoneme rule. Phonemes are not supported: the engine only reads letters. Write an "
                    "alias that sounds the same."
                )
                % {"word": written[0] if written else "?"}
            )
        if not (written and spoken):
            raise LexiconError(_("A lexeme in the file has no grapheme or no alias."))
        aliases |= dict.fromkeys(written, spoken[0])
    if not aliases:
        raise LexiconError(_("The file contains no lexeme."))
    return aliases


def _lexemes(content: bytes) -> Iterator[ElementTree.Element]:
    if len(content) > MAX_BYTES:
        raise LexiconError(_("The file is larger than %(most)d KiB.") % {"most": MAX_BYTES // 1024})
    try:
        text = content.decode("utf-8-sig")
        if "<!DOCTYPE" in text:
            raise LexiconError(_("The file has a document type declaration, which is not allowed."))
        root = ElementTree.fromstring(text)  # noqa: S314
    except (UnicodeDecodeError, ElementTree.ParseError):
        raise LexiconError(_("The file is not XML in UTF-8.")) from None
    if sum(_name(element) == "lexeme" for element in root.iter()) > sum(_name(element) == "lexeme" for element in root):
        # Each would have the text of all that are in it.
        raise LexiconError(_("The file has a lexeme within another element; they belong directly into the lexicon."))
    return (element for element in root if _name(element) == "lexeme")


def _name(element: ElementTree.Element) -> str:
    """The tag without its namespace."""
    return element.tag.rpartition("}")[2]


def _text(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())
