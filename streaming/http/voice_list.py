"""All voices at once, as JSON: what `VoiceOut` makes of each, from the columns of the database.

A library has thousands of recordings. Objects of them would take most of a second, and a serializer written in another
language would keep the event loop waiting as long, since it holds Python's lock: so each voice is a piece of JSON by itself.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from streaming.http.voice_schemas import SAMPLE_COLUMNS, SETTINGS_COLUMNS, VOICE_COLUMNS, sample_of, voice_of
from voices.models import ReferenceClip, Voice


def voice_list(voices: "QuerySet[Voice]") -> bytes:
    """What `VoiceList` says of them. Two questions to the database. Raises DatabaseError."""
    return b'{"voices": [' + b", ".join(_pieces(voices)) + b"]}"


def _pieces(voices: "QuerySet[Voice]") -> Iterator[bytes]:
    samples = _samples(voices)
    for pk, *columns in voices.values_list("pk", *VOICE_COLUMNS, *SETTINGS_COLUMNS):
        yield json.dumps(voice_of(columns, samples[pk]), ensure_ascii=False).encode()


def _samples(voices: "QuerySet[Voice]") -> defaultdict[int, list[dict[str, Any]]]:
    """By the voice's primary key."""
    samples: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    clips = ReferenceClip.objects.filter(voice__in=voices.order_by().values("pk"))
    for voice_pk, *columns in clips.values_list("voice_id", *SAMPLE_COLUMNS):
        samples[voice_pk].append(sample_of(columns))
    return samples
