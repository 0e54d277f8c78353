"""Text as it is written to text as it is said: numbers, signs, markup ("$20" -> "twenty dollars").

Pure text, for every engine. Each engine calls it in its own process, before it cuts a text into what it speaks at once.
"""

from functools import cache

from streaming.text.language_codes import primary_subtag
from streaming.text.normalization.characters import find_odd_characters
from streaming.text.normalization.language import load_language, table_name
from streaming.text.normalization.markup import without_markup
from streaming.text.normalization.rules.reader import Reader
from streaming.text.rewriting import Rewriting


def normalize(text: str, language: str, *, only_unreadable: bool = False) -> Rewriting:
    """`text` as a speaker of `language` ("en", "zh-CN", "pt_BR") would read it out. In a language without rules, only markup
    and pictures are laid aside. `only_unreadable`: nothing but characters that no voice can read is changed (emoji,
    full-width letters). Raises nothing."""
    code = primary_subtag(language)
    if only_unreadable:
        return Rewriting.replacing(text, find_odd_characters(text, code))
    laid_aside = without_markup(text)
    plain = laid_aside.spoken
    readable = laid_aside.then(Rewriting.replacing(plain, find_odd_characters(plain, code)))
    name = table_name(language)
    if name is None:
        return readable
    spoken = readable.spoken
    return readable.then(Rewriting.replacing(spoken, _reader(name).read(spoken)))


@cache
def _reader(name: str) -> Reader:
    """By the name of its tables: of what clients call languages there is no end."""
    return Reader(load_language(name))
