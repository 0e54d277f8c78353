"""Why a voice could not be prepared, in the language of whoever looks after it.

Engines and servers write the reason in English, for logs and programs; it is stored as they wrote it, since another process
shows it. Here are the sentences that they write. A reason that is none of them is shown as it is.
"""

import re
from collections.abc import Iterator

from django.utils.formats import number_format
from django.utils.translation import gettext, gettext_noop

from voices.storage import REASONS

SENTENCES = (
    gettext_noop("A recording of the voice %(voice)s cannot be read: %(why)s."),
    gettext_noop("A recording of the voice %(voice)s cannot be decoded: %(why)s."),
    gettext_noop("A recording of the voice %(voice)s cannot be decoded."),
    gettext_noop("The file of a recording of the voice %(voice)s was changed after it was uploaded."),
    gettext_noop("An error of this server (%(kind)s), which is in its log."),
    gettext_noop("The speech engine did not prepare the voice."),
    gettext_noop("The speech engine stopped unexpectedly."),
    gettext_noop("The recording is %(length)s s long; at least %(least)s s are needed."),
    gettext_noop("The recording is silent: nothing in it is above %(level)s dBFS."),
    gettext_noop("The recording contains values that are not numbers."),
    gettext_noop("The recording cannot be read as audio."),
    gettext_noop("A recording with %(channels)s channels at %(rate)s Hz cannot be used."),
    gettext_noop("No voice can be computed from these recordings: the result of the model is zero or not a number."),
    # The one that is meant, after one of the sentences above.
    gettext_noop("%(sentence)s (recording %(number)s of %(count)s)"),
    # Within one of them.
    gettext_noop("No such file or directory"),
    gettext_noop("Permission denied"),
    *REASONS.values(),
)
_NUMBERS = frozenset({"length", "least", "level"})


def translated(reason: str) -> str:
    for sentence, pattern in zip(SENTENCES, _PATTERNS, strict=True):
        if found := pattern.fullmatch(reason):
            values = {name: _value(name, value) for name, value in found.groupdict().items()}
            return gettext(sentence) % values if values else gettext(sentence)
    return reason


def _value(name: str, value: str) -> str:
    if name in _NUMBERS:
        return number_format(value)
    return translated(value) if name in ("why", "sentence") else value


def _patterns() -> Iterator[re.Pattern[str]]:
    for sentence in SENTENCES:
        parts = re.split(r"%\((\w+)\)s", sentence)
        names = parts[1::2]
        texts = [re.escape(text) for text in parts[::2]]
        groups = [rf"(?P<{name}>{r'-?[0-9.]+' if name in _NUMBERS else '.+?'})" for name in names]
        yield re.compile("".join(text + group for text, group in zip(texts, [*groups, ""], strict=True)), re.DOTALL)


_PATTERNS = tuple(_patterns())
