"""SSML in a stream of text: tags are never spoken, `break` becomes a pause, and "a < b" stays text.

Text may be cut anywhere, even inside a tag: what could still become a tag waits for the rest, MAX_TAG characters at most.
The same text gives the same parts, however it is cut. Names: W3C SSML 1.1. Only `break` and `sub` have an effect; other
tags are removed, and the text between them is spoken as it is.
"""

import re
from dataclasses import dataclass
from html import unescape

# The longest tag. A "<" that has not become a tag by then is text.
MAX_TAG = 300
# The most text that an alias stands for; an end tag may never come.
MAX_COVERED = 300
# ElevenLabs' limit; a longer pause becomes this one. Seconds.
MAX_PAUSE = 3.0

# Seconds; the standard leaves them open. A break without time and strength is a medium one.
_STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.25, "medium": 0.5, "strong": 1.0, "x-strong": 1.5}
_NAMES = (
    *("speak", "p", "s", "token", "w", "say-as", "phoneme", "sub", "lang", "voice", "emphasis", "break", "prosody"),
    *("audio", "mark", "lexicon", "lookup", "meta", "?xml"),
)
# Their ends are ends of words as well, also where no blank stands.
_ENDS_OF_TEXT = ("p", "s")

# Values without quotes are no XML, but language models write them.
_UNQUOTED = r"""[^\s"'<>=/]"""
_ATTRIBUTE = rf"""\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'|{_UNQUOTED}+)"""
_NAME = "|".join(map(re.escape, _NAMES))
_TAG = re.compile(rf"<(?P<end>/?)(?P<name>{_NAME})(?P<attributes>(?:{_ATTRIBUTE})*)\s*[/?]?>", re.IGNORECASE)
_BEGUN_NAME = re.compile(r"</?([?a-z-]*)\Z", re.IGNORECASE)
_BEGUN_ATTRIBUTE = rf"""\s+(?:[\w:.-]+\s*(?:=\s*(?:"[^"<]*|'[^'<]*|{_UNQUOTED}*))?)?"""
_BEGUN_TAG = re.compile(rf"</?(?:{_NAME})(?:{_ATTRIBUTE})*(?:{_BEGUN_ATTRIBUTE}|\s*[/?]?)\Z", re.IGNORECASE)
# From here on it is nothing but a tag, finished or not.
_CERTAIN_TAG = re.compile(rf"<(?:{_NAME})\s+[\w:.-]+\s*=", re.IGNORECASE)
_VALUES = re.compile(rf"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|({_UNQUOTED}+))""")
# Begins only where a number begins, and gives nothing back: a long row of digits without a unit is read once.
_TIME = re.compile(r"(?<!\d)(\d++\.?+\d*+|\.\d++)\s*+(ms|s)", re.IGNORECASE)

_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE)
_BEGUN_ENTITY = re.compile(r"&(?:[a-z]{0,4}|#x?[0-9a-f]{0,7})\Z", re.IGNORECASE)
_MARK = re.compile("[<&]")


@dataclass(frozen=True, slots=True)
class Break:
    """A pause after the text before it, in seconds: above 0, up to MAX_PAUSE."""

    seconds: float


Part = str | Break


class SsmlFilter:
    """One stream of text: `feed` it in pieces of any size, `flush` what waits when the stream pauses, `finish` it."""

    def __init__(self) -> None:
        self._held = ""
        self._parts: list[Part] = []
        # The text behind the last of these parts, in pieces: joined once, since a text that grew by each of them would be
        # copied for each.
        self._said: list[str] = []
        # A tag was seen: now "&amp;" is an "&". Before that it is text like any other.
        self._decodes = False
        # How much of the text inside <sub alias="..."> is still left out.
        self._covered = 0

    @property
    def held_chars(self) -> int:
        return len(self._held)

    def feed(self, text: str) -> list[Part]:
        """What `text` says, as far as that can be told."""
        text, self._held = self._held + text, ""
        position = 0
        while position < len(text):
            length = self._read(text, position)
            if not length:
                self._held = text[position:]
                break
            position += length
        return self._take_parts()

    def flush(self) -> list[Part]:
        """What waits and is no tag, as text. A tag that was cut in its middle waits on."""
        if not _CERTAIN_TAG.match(self._held):
            self._say(self._held)
            self._held = ""
        self._covered = 0
        return self._take_parts()

    def finish(self) -> list[Part]:
        """The same where nothing follows: a tag that was cut is no text. What comes next is a new stream."""
        parts = self.flush()
        self._held, self._decodes = "", False
        return parts

    def _take_parts(self) -> list[Part]:
        self._end_text()
        parts, self._parts = self._parts, []
        return parts

    def _end_text(self) -> None:
        """What was said so far becomes a part."""
        if self._said:
            self._parts.append("".join(self._said))
            self._said = []

    def _read(self, text: str, start: int) -> int:
        """Say what stands at `start` and return its length; 0 if only more text can tell what it is."""
        if text[start] == "<":
            return self._read_tag(text, start)
        if text[start] == "&" and self._decodes:
            return self._read_entity(text, start)
        mark = _MARK.search(text, start + 1)
        return self._say(text[start : mark.start() if mark else len(text)])

    def _read_tag(self, text: str, start: int) -> int:
        end = start + MAX_TAG
        if tag := _TAG.match(text, start, end):
            self._decodes = True
            self._obey(tag)
            return len(tag[0])
        if len(text) < end and _may_become_a_tag(text, start):
            return 0
        return self._say("<")

    def _read_entity(self, text: str, start: int) -> int:
        if entity := _ENTITY.match(text, start):
            self._say(unescape(entity[0]))
            return len(entity[0])
        return 0 if _BEGUN_ENTITY.match(text, start) else self._say("&")

    def _obey(self, tag: re.Match[str]) -> None:
        name, is_end, values = tag["name"].lower(), bool(tag["end"]), _values(tag["attributes"])
        if name == "sub":
            self._covered = 0
            self._say(values.get("alias", ""))
            self._covered = MAX_COVERED if "alias" in values and not tag[0].endswith("/>") else 0
        elif is_end and name in _ENDS_OF_TEXT:
            self._say(" ")
        elif name == "break" and not is_end and not self._covered and (seconds := _pause(values)):
            self._end_text()
            self._parts.append(Break(seconds))

    def _say(self, text: str) -> int:
        """Add to the parts what is heard of `text`; neighbouring texts become one. Returns the length of `text`."""
        left_out = min(self._covered, len(text))
        self._covered -= left_out
        heard = text[left_out:]
        if heard:
            self._said.append(heard)
        return len(text)


def _may_become_a_tag(text: str, start: int) -> bool:
    if begun := _BEGUN_NAME.match(text, start):
        return any(name.startswith(begun[1].lower()) for name in _NAMES)
    return bool(_BEGUN_TAG.match(text, start))


def _values(attributes: str) -> dict[str, str]:
    return {
        found[1].lower(): unescape(found[2] or found[3] or found[4] or "") for found in _VALUES.finditer(attributes)
    }


def _pause(values: dict[str, str]) -> float:
    """Seconds. What cannot be read is a medium pause."""
    if time := _TIME.search(values.get("time", "")):
        return min(MAX_PAUSE, float(time[1]) / (1000 if time[2].lower() == "ms" else 1))
    return _STRENGTHS.get(values.get("strength", "medium"), _STRENGTHS["medium"])
