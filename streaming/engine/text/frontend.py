"""From text to tokens: pieces that the model can speak at once, each as coqui's `inference_stream` would be given it.

A text within the limits is one piece. A longer one is cut where a reader would pause: whole sentences as long as they
fit, else clauses, else words; only a "word" beyond every limit is cut inside. Nothing is left out: every character
belongs to one piece.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from streaming.engine.text.cleaning import MOST_DIGITS, TextCleaner, mark_long_numbers
from streaming.engine.text.piece import AUDIO_TOKENS_PER_SECOND, TextPiece
from streaming.engine.text.settled import alike, settled_length
from streaming.engine.text.tails import Tails
from streaming.engine.text.timing import SpokenLength
from streaming.text.boundaries import NEXT_WORD, Strength, best_cut, boundaries, last_edge
from streaming.text.language_codes import primary_subtag
from streaming.text.normalization.expansion import require_speakable
from streaming.text.normalization.normalizer import normalize

# The most that is said for a text of the longest length, in cleaned characters for each character of the text.
# Romanised Chinese, Japanese and Korean is longer than what it stands for; elsewhere numbers and symbols are longer in
# words. At usual speech rates this is well below the 28 s that the model can speak at once.
_MOST_EXPANSION = {"zh": 5.0, "ja": 5.0, "ko": 3.2}
_MOST_EXPANSION_OF_LETTERS = 1.25
# Pieces shorter than this share of the longest sound cut off: such a sentence is taken together with the next one.
_SHORT_PIECE = 8
_DEFAULT_CHARACTERS = 250
_MOST_GUESSES = 4
# Characters. More of a text is not looked at before it is needed.
_MOST_READ = 4000
_BLANKS = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class _Limits:
    """Of one piece in one language: characters of the text, and of what is said for it."""

    language: str
    tag: str
    characters: int
    said: float


class TextFrontEnd:
    """`tokenizer` is coqui's VoiceBpeTokenizer. A piece has fewer than `max_text_tokens` tokens. For one thread."""

    def __init__(
        self,
        tokenizer: Any,
        *,
        languages: Iterable[str],
        max_text_tokens: int,
        max_audio_tokens: int = 602,
        tails: Tails | None = None,
    ) -> None:
        self._tails = tails or Tails()
        self._bpe = tokenizer.tokenizer
        self._cleaner = TextCleaner(tokenizer)
        self._most_tokens = max_text_tokens - 1
        self._most_audio_tokens = max_audio_tokens
        known = {primary_subtag(code): _tag(primary_subtag(code)) for code in languages}
        self._limits = {
            language: self._limits_of(language, tag, tokenizer.char_limits)
            for language, tag in known.items()
            if self._bpe.token_to_id(f"[{tag}]") is not None
        }

    def pieces(self, text: str, language: str, *, apply_text_normalization: bool = True) -> Iterator[TextPiece]:
        """The pieces of `text`, in order, each made when it is asked for. `text_end` of the last is `len(text)`; a text
        that says nothing has none. `language` may name a region ("zh-CN", "en_US"). Raises ValueError at once for an
        unknown language, and SaysTooMuch, when a piece is asked for, where what would be said is far longer than the text.

        Numbers, signs and markup are said as `normalize` has them; without it, coqui's cleaners read what they can.

        What makes the model say more than its text is laid aside, and `most_audio_tokens` and `timing` tell when it has been
        said, by the settings in `Tails`.
        """
        return self._audible(
            text, self._all_pieces(text, language, self._limits_in(language), apply_text_normalization)
        )

    def settled_tokens(self, text: str, language: str, *, apply_text_normalization: bool = True) -> list[int]:
        """The tokens that the first piece of a text begins with that begins with `text`, as far as they are sure; but the
        piece may be cut before them. Raises ValueError for an unknown language.

        They are those that `text` has in common with itself without its last words.
        """
        limits = self._limits_in(language)
        sure, plain = settled_length(text[: limits.characters], limits.language)
        spoken = (
            normalize(text[:end], language, only_unreadable=not apply_text_normalization).spoken
            for end in (sure, plain)
        )
        one, other = (self._encoded(each.strip(), limits)[0] for each in spoken)
        return one[: alike(one, other)]

    def _limits_in(self, language: str) -> _Limits:
        limits = self._limits.get(primary_subtag(language))
        if limits is None:
            known = ", ".join(sorted(limits.tag for limits in self._limits.values()))
            raise ValueError(f"The model does not speak the language {language!r}; it speaks {known}.")
        return limits

    def warm_up(self) -> None:
        """Load what the cleaners of some languages (Chinese, Japanese) load at their first text: half a second."""
        for limits in self._limits.values():
            normalize("1 a", limits.tag)
            self._cleaner.clean("1 a", limits.language)

    def _limits_of(self, language: str, tag: str, char_limits: dict[str, int]) -> _Limits:
        characters = char_limits.get(language, _DEFAULT_CHARACTERS)
        expansion = _MOST_EXPANSION.get(language, _MOST_EXPANSION_OF_LETTERS)
        return _Limits(language, tag, characters, expansion * characters)

    def _audible(self, text: str, pieces: Iterator[TextPiece]) -> Iterator[TextPiece]:
        """Text without speech belongs to the next piece, or at the end of the text to the last one."""
        held: TextPiece | None = None
        for piece in pieces:
            if held and piece.tokens:
                yield held
            if piece.tokens:
                held = piece
        if held:
            yield replace(held, text_end=len(text))

    def _all_pieces(self, text: str, language: str, limits: _Limits, is_normalized: bool) -> Iterator[TextPiece]:
        """The pieces of `text`, those that say nothing as well."""
        start = 0
        while start < len(text):
            end = start + _part_length(text, start, language)
            part = require_speakable(normalize(text[start:end], language, only_unreadable=not is_normalized))
            for piece in self._pieces_as_spoken(part.spoken, limits):
                yield replace(piece, text_end=start + part.original_end(piece.text_end))
            start = end

    def _pieces_as_spoken(self, text: str, limits: _Limits) -> Iterator[TextPiece]:
        marked = mark_long_numbers(text)
        length = len(marked.rstrip())
        start = _behind_blanks(marked, 0)
        while start < length:
            piece = self._next_piece(marked, start, length, limits)
            yield piece
            start = piece.text_end

    def _next_piece(self, text: str, start: int, length: int, limits: _Limits) -> TextPiece:
        """The longest suitable piece from `start` on, including the blanks after it."""
        most = limits.characters
        for tries in count():
            end = length
            if length - start > most:
                window = text[start : start + most + NEXT_WORD]
                end = start + _cut(window, most, rest=length - start, language=limits.language)
            tokens, spoken = self._encoded(text[start:end], limits)
            fits = min(self._most_tokens / max(1, len(tokens)), limits.said / max(1, spoken.characters))
            if fits >= 1 or end - start == 1:
                break
            # What is said grows about as the text does; the numbers in it may need another try. More tries than a few are
            # for texts that were made to need many.
            share = fits if tries < _MOST_GUESSES else fits / 2
            most = max(1, min(end - start - 1, int((end - start) * share)))
        return self._piece(tokens, _behind_blanks(text, end), spoken, limits.language)

    def _piece(self, tokens: list[int], text_end: int, spoken: SpokenLength, language: str) -> TextPiece:
        seconds = spoken.most_seconds(language, self._tails.slowest_rate)
        most_audio_tokens = min(self._most_audio_tokens, math.ceil(seconds * AUDIO_TOKENS_PER_SECOND))
        timing = spoken.timing(language) if self._tails.end_at_pause else None
        return TextPiece(tokens[: self._most_tokens], text_end, most_audio_tokens, timing)

    def _encoded(self, text: str, limits: _Limits) -> tuple[list[int], SpokenLength]:
        """The tokens of `text` and how long it is to say; no tokens if nothing of it can be said."""
        cleaned = self._tails.settle(self._cleaner.clean(text, limits.language), limits.language)
        spoken = SpokenLength.of(cleaned)
        if not any(map(str.isalnum, cleaned)):
            return [], spoken
        tokens = self._bpe.encode(f"[{limits.tag}]" + cleaned.replace(" ", "[SPACE]")).ids
        return [token for token in tokens if token != self._cleaner.unknown_token], spoken


def _tag(language: str) -> str:
    """The language's name in the vocabulary."""
    return "zh-cn" if language == "zh" else language


def _behind_blanks(text: str, index: int) -> int:
    match = _BLANKS.match(text, index)
    return match.end() if match else index


def _part_length(text: str, start: int, language: str) -> int:
    """How much of a long text is read at once: what is written there in numbers and signs is not looked for before."""
    window = text[start : start + _MOST_READ + NEXT_WORD]
    if len(window) <= _MOST_READ:
        return len(window)
    cut = best_cut(window, least=_MOST_READ // 2, most=_MOST_READ, language=language)
    return cut or last_edge(window[: _MOST_READ + 1])


def _cut(window: str, most: int, *, rest: int, language: str) -> int:
    """Where to cut a text of `rest` characters that begins with `window`, if a piece may have `most`."""
    least = most // _SHORT_PIECE
    # Inside a sentence, no cut leaves a short piece as the text's last one.
    most_within = min(most, rest - least)
    places = list(_places(window, most, language))
    cuts = [
        (strength, index)
        for strength, index in places
        if least <= index <= (most if strength is Strength.SENTENCE else most_within)
    ]
    if cuts and max(cuts)[0] is Strength.NO_BREAK:
        # Rather a short piece than half of an abbreviation, a date or a number.
        cuts = [place for place in places if place[0] > Strength.NO_BREAK] or cuts
    return max(cuts)[1] if cuts else _hard_cut(window[: most_within + 1])


def _places(window: str, most: int, language: str) -> Iterator[tuple[Strength, int]]:
    """The boundaries among the first `most` characters."""
    for index, strength in boundaries(window, language):
        if index <= most:
            yield strength, index
            continue
        # Blanks may continue after that; the next piece starts after all of them.
        if window[most:index].isspace():
            yield strength, most
        return


def _hard_cut(window: str) -> int:
    """Where to cut what has no boundary: before a word in the second half ("/path", "-part"), else at the end; but not
    inside a number or a character of several parts, nor before a mark."""
    most = len(window) - 1
    for index in range(most, most // 2, -1):
        if window[index].isalnum() and not window[index - 1].isalnum() and window[index - 1] not in ".,":
            return index
    for index in range(most, max(0, most - MOST_DIGITS - 1), -1):
        if not _belongs_to_the_one_before(window[index - 1], window[index]):
            return index
    return most


def _belongs_to_the_one_before(before: str, char: str) -> bool:
    if char.isalnum():
        return before.isdecimal() and char.isdecimal()
    return unicodedata.category(char)[0] in "MP" or unicodedata.combining(char) != 0
