"""Aliases: what is said in place of what is written ("GIF" -> "jif").

Pure text. Rules are applied in one pass, from left to right, the longest that fits first, so that no rule sees what another
one said. Composed and decomposed spellings of a character are the same, whichever the text and the rule have.

The work for a text does not grow with the number of rules, only with how many different lengths they have.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from streaming.text.boundaries import is_inside_a_word
from streaming.text.rewriting import Rewriting, Segment

# The letters that follow another one in a decomposed Korean syllable; other followers are combining characters.
_JAMO = range(0x1160, 0x1200)
# Characters. Aliases that would make an utterance longer than this are left out: what a dictionary may make of a text
# is limited.
MOST_SPOKEN = 2000


@dataclass(frozen=True, slots=True)
class Alias:
    """Say `spoken` for `written`. `whole_words`: only where no word goes on before or behind it."""

    written: str
    spoken: str
    case_sensitive: bool = True
    whole_words: bool = True


class Pronouncer:
    """Any number of rules. Of two that fit equally well the one that is case-sensitive wins, then the first."""

    def __init__(self, rules: Iterable[Alias] = ()) -> None:
        rules = list(rules)
        views = (
            _Rules(_composed, (rule for rule in rules if rule.case_sensitive)),
            _Rules(_folded, (rule for rule in rules if not rule.case_sensitive)),
        )
        self._rules = [view for view in views if view]

    def pronounce(self, text: str) -> Rewriting:
        """`text` with the aliases in it."""
        if not self._rules or not text:
            return Rewriting.unchanged(text)
        return Rewriting(tuple(self._segments(text, list(_characters(text)))))

    def _segments(self, text: str, characters: list[str]) -> Iterator[Segment]:
        places = [0, *accumulate(map(len, characters))]
        views = [rules.view(characters) for rules in self._rules]
        room = max(0, MOST_SPOKEN - len(text))
        unchanged = start = 0
        while start < len(characters):
            found = [match for view in views if (match := view.longest_at(start))]
            end, rule = max(found, key=lambda match: match[0], default=(start, None))
            growth = len(rule.spoken) - (places[end] - places[start]) if rule else 0
            if rule is None or growth > room:
                start += 1
                continue
            room -= growth
            if unchanged < start:
                yield _same(text[places[unchanged] : places[start]])
            yield Segment(text[places[start] : places[end]], rule.spoken)
            unchanged = start = end
        if unchanged < start:
            yield _same(text[places[unchanged] :])


class _Rules:
    """Rules that look at text in one way: as it is, or without its case."""

    def __init__(self, normalise: Callable[[str], str], rules: Iterable[Alias]) -> None:
        self.normalise = normalise
        by_length: defaultdict[tuple[str, int], defaultdict[str, list[Alias]]]
        by_length = defaultdict(lambda: defaultdict(list))
        for rule in rules:
            if key := normalise(rule.written):
                equal = by_length[key[0], len(key)][key]
                # Others would never be reached.
                if all(other.whole_words and not rule.whole_words for other in equal):
                    equal.append(rule)
        # For each first character: a length and the rules that have it, the longest first.
        self.by_start: defaultdict[str, list[tuple[int, Mapping[str, list[Alias]]]]] = defaultdict(list)
        for (first, length), keys in sorted(by_length.items(), reverse=True):
            self.by_start[first].append((length, dict(keys)))

    def __bool__(self) -> bool:
        return bool(self.by_start)

    def view(self, characters: list[str]) -> "_View":
        return _View(self, characters)


class _View:
    """A text as some rules see it. Its characters may have another length there than in the text ("ß", "ss")."""

    def __init__(self, rules: _Rules, characters: list[str]) -> None:
        self._by_start = rules.by_start
        self._characters = characters
        seen = [rules.normalise(character) for character in characters]
        self._text = "".join(seen)
        self._starts = [0, *accumulate(map(len, seen))]
        self._numbers = {place: number for number, place in enumerate(self._starts)}

    def longest_at(self, start: int) -> tuple[int, Alias] | None:
        """The end of the longest rule that fits at character `start`, and the rule."""
        place = self._starts[start]
        for length, keys in self._by_start.get(self._text[place : place + 1], ()):
            end = self._numbers.get(place + length)
            rules = keys.get(self._text[place : place + length]) if end is not None else None
            if end is None or rules is None:
                continue
            is_word = self._is_edge(start) and self._is_edge(end)
            if rule := next((rule for rule in rules if is_word or not rule.whole_words), None):
                return end, rule
        return None

    def _is_edge(self, number: int) -> bool:
        if not 0 < number < len(self._characters):
            return True
        return not is_inside_a_word(self._characters[number - 1], self._characters[number])


def _characters(text: str) -> Iterator[str]:
    """The characters as a reader counts them: with the marks that belong to each."""
    start = 0
    for place in range(1, len(text)):
        if not unicodedata.combining(text[place]) and ord(text[place]) not in _JAMO:
            yield text[start:place]
            start = place
    if text:
        yield text[start:]


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _folded(text: str) -> str:
    return _composed(_composed(text).casefold())


def _same(text: str) -> Segment:
    return Segment(text, text)
