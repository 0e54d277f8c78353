"""What is known to make XTTS say more than its text, laid aside before the model sees it; and how its end is watched.

Each rule can be switched off (section `tails` of the settings) and names the public reports that it comes from. Whether it
helps can only be heard with trained weights.
"""

import re
from dataclasses import dataclass

# Quotation marks; the apostrophe of "don't" is none. Hallucinations were heard where a text ended with `?”` or `!”`, and at
# guillemets: github.com/DrewThomasson/ebook2audiobook, issues 34 and 153 and pull request 1227. (Coqui's cleaners drop `"`.)
_QUOTES = re.compile(
    "[\"\u201c-\u201f\u00ab\u00bb\u2039\u203a\u300c-\u300f]|(?<!\\w)['\u2018-\u201b]|['\u2018\u2019](?!\\w)"
)
# A mark that stands alone, or is written many times, is spoken ("dot") or turned into noise: github.com/coqui-ai/TTS, issue
# 4171; github.com/oobabooga/textgen, issue 4723 ("anything that isn't basic punctuation").
_LEADING_MARKS = re.compile(r"^[\s.,;:!?…]+(?=\w)")
_BLANK_BEFORE_MARK = re.compile(r"\s+([.,;:!?…])")
_ELLIPSIS = re.compile(r"\.{2,}")
_MARKS = re.compile(r"[!?]{2,}")
# The last full stop of Portuguese, Italian and French texts is said as a word ("ponto"). One of XTTS's authors advises to
# put a blank before it: github.com/coqui-ai/TTS, issues 2952 (pt) and 3445 (it, fr); ebook2audiobook, issue 342 (it).
_LAST_STOP = re.compile(r"(?<=\w)\.$")
# The model takes a dash at the end as a sign that the sentence goes on, and says its last words again
# (ebook2audiobook, pull request 1227).
_LAST_DASH = re.compile(r"\s*[-–—]+$")
# It was trained on sentences of several seconds, and fills up texts of a word or two (github.com/coqui-ai/TTS, issues 3516
# and 4125); a final mark is said to help (github.com/idiap/coqui-ai-TTS, pull request 308).
_SHORT = 24
_ENDS_OPEN = re.compile(r"[^\W_]$")


@dataclass(frozen=True, slots=True)
class Tails:
    """As in the settings. `slowest_rate`: speech that is slower than this share of the published reading speed is ended.
    `end_at_pause`: speech that goes on when its text must be over ends at a pause. `spaced_stops`: languages in which the
    last full stop has a blank before it."""

    slowest_rate: float = 0.4
    end_at_pause: bool = True
    drop_quotes: bool = True
    plain_marks: bool = True
    drop_last_dash: bool = True
    close_short_texts: bool = True
    spaced_stops: tuple[str, ...] = ("pt", "it", "fr")

    def settle(self, cleaned: str, language: str) -> str:
        """A piece of text as the model is to see it. `cleaned`: by coqui's cleaners, in small letters, numbers in words."""
        if self.drop_quotes:
            cleaned = " ".join(_QUOTES.sub("", cleaned).split())
        if self.plain_marks:
            cleaned = _with_plain_marks(cleaned)
        if self.drop_last_dash:
            cleaned = _LAST_DASH.sub(".", cleaned)
        if self.close_short_texts and len(cleaned) <= _SHORT and _ENDS_OPEN.search(cleaned):
            cleaned += "."
        if language in self.spaced_stops:
            cleaned = _LAST_STOP.sub(" .", cleaned)
        return cleaned


# Coqui's text, and no end but the longest that the model can speak for it.
AS_COQUI = Tails(
    0.1,
    end_at_pause=False,
    drop_quotes=False,
    plain_marks=False,
    drop_last_dash=False,
    close_short_texts=False,
    spaced_stops=(),
)


def _with_plain_marks(text: str) -> str:
    text = _BLANK_BEFORE_MARK.sub(r"\1", _LEADING_MARKS.sub("", text))
    text = _ELLIPSIS.sub(lambda match: "..." if len(match[0]) > 2 else ".", text)
    return _MARKS.sub(lambda match: "?" if "?" in match[0] else "!", text)
