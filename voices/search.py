"""Which voices are asked for, in which order, and which part of them. No database."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from voices.models import Voice

Sort = Literal["name", "created_at_unix"]
Key = tuple[str | float, str]


class BadPageToken(Exception):
    """Not a token that a page came with."""


@dataclass(frozen=True)
class Wanted:
    """What a voice must fulfil. Empty: anything. `labels`: name -> allowed values."""

    text: str = ""
    categories: frozenset[str] = frozenset()
    voice_ids: frozenset[str] = frozenset()
    labels: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def includes(self, voice: Voice) -> bool:
        return (
            (not self.categories or voice.category in self.categories)
            and (not self.voice_ids or voice.voice_id in self.voice_ids)
            and all(_has_label(voice, name, values) for name, values in self.labels.items())
            and self.text.casefold() in _searched(voice)
        )


def _has_label(voice: Voice, name: str, values: frozenset[str]) -> bool:
    """A voice that is labelled "German" is found by "de" as well."""
    return voice.all_labels.get(name) in values or (name == "language" and voice.language in values)


@dataclass(frozen=True)
class Page:
    voices: Sequence[Voice]
    total: int
    next_token: str | None


def find(
    voices: Iterable[Voice], wanted: Wanted, *, sort: Sort, descending: bool, size: int, token: str | None
) -> Page:
    """The page after the one that `token` came with. A voice that is added or deleted meanwhile moves no other from one
    page to the next. Raises BadPageToken."""
    found = sorted(filter(wanted.includes, voices), key=lambda voice: _key(voice, sort), reverse=descending)
    rest = found
    if token:
        last = _read_token(token, sort)
        rest = [voice for voice in found if (_key(voice, sort) < last if descending else _key(voice, sort) > last)]
    page = rest[:size]
    next_token = _write_token(_key(page[-1], sort)) if len(rest) > size else None
    return Page(page, len(found), next_token)


def _searched(voice: Voice) -> str:
    words = (voice.voice_id, voice.name, voice.description, voice.category, *voice.all_labels.values())
    return "\n".join(words).casefold()


def _key(voice: Voice, sort: Sort) -> Key:
    return (voice.name.casefold() if sort == "name" else voice.created_at.timestamp(), voice.voice_id)


def _write_token(key: Key) -> str:
    return urlsafe_b64encode(json.dumps(key).encode()).decode("ascii")


def _read_token(token: str, sort: Sort) -> Key:
    try:
        value, voice_id = json.loads(urlsafe_b64decode(token))
    except (ValueError, TypeError, RecursionError, Base64Error):
        raise BadPageToken from None
    if not isinstance(value, str if sort == "name" else float) or not isinstance(voice_id, str):
        raise BadPageToken
    return (value, voice_id)
