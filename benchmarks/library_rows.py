"""A library of voices as an organisation may have it, in the database of the settings file that the environment names."""

import argparse
import datetime
import io
import secrets
import wave
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models

from benchmarks.library import PASSWORD
from streaming.access.models import ApiKey, DailyUsage
from voices.library import create_voice
from voices.models import PronunciationDictionary, PronunciationRule, ReferenceClip, Voice, VoiceConditioning

LANGUAGES = ("en", "de", "fr", "ru", "es")
CLIPS_PER_VOICE = 10
CONDITIONING_BYTES = 130_000
BATCH = 200


def recording(seconds: float = 6.5, rate: int = 16_000) -> bytes:
    """Noise in syllables."""
    times = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(1).normal(size=len(times)) * 0.1 * (1 + np.sin(2 * np.pi * 4 * times))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((noise.clip(-1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


def _in_batches(model: type[models.Model], rows: Iterable[Any]) -> None:
    rows = iter(rows)
    while batch := list(islice(rows, BATCH)):
        model._default_manager.bulk_create(batch)


def _clips(template: ReferenceClip, voices: Iterable[Voice]) -> Iterator[ReferenceClip]:
    """Like the template, each with files and a sound of its own. Nobody reads the files, so they are small."""
    for voice in voices:
        for number in range(CLIPS_PER_VOICE):
            clip = _copied(template)
            clip.voice = voice
            clip.original_name = f"take {number}.wav"
            clip.sha256 = secrets.token_hex(32)
            clip.copy_of, clip.copy_sha256 = clip.sound, secrets.token_hex(32)
            for field, folder in (("file", "clips"), ("model_copy", "copies")):
                name = default_storage.save(f"{folder}/{secrets.token_hex(16)}.wav", ContentFile(b"RIFF"))
                setattr(clip, field, name)
            yield clip


def _copied(template: ReferenceClip) -> ReferenceClip:
    fields = [field for field in ReferenceClip._meta.concrete_fields if not field.primary_key]
    return ReferenceClip(**{field.attname: getattr(template, field.attname) for field in fields})


def make(voices: int, keys: int, rules: int) -> None:
    made = create_voice("Template", [ContentFile(recording(), "take.wav")], description="", labels={}, language="en")
    template = made.clips.get()
    _in_batches(
        Voice,
        (
            Voice(
                voice_id=f"voice{number}",
                name=f"Voice {number:04}",
                description="A voice of the library, for telephones and for reading aloud.",
                language=LANGUAGES[number % len(LANGUAGES)],
                labels={"accent": f"accent {number % 20}", "gender": ("female", "male")[number % 2]},
            )
            for number in range(voices)
        ),
    )
    stored = list(Voice.objects.exclude(pk=made.pk))
    _in_batches(ReferenceClip, _clips(template, stored))
    prepared = Voice.objects.exclude(pk=made.pk).prefetch_related("clips")
    _in_batches(
        VoiceConditioning,
        (
            VoiceConditioning(key=voice.key, fingerprint="an engine", data=secrets.token_bytes(CONDITIONING_BYTES))
            for voice in prepared.iterator(BATCH)
        ),
    )
    created = [ApiKey.objects.create_with_secret(name=f"Key {number:03}")[0] for number in range(keys)]
    _in_batches(DailyUsage, _usage(created, stored))
    dictionary = PronunciationDictionary.objects.create(name="Names of products")
    _in_batches(
        PronunciationRule,
        (
            PronunciationRule(dictionary=dictionary, string_to_replace=f"word{number}", alias=f"another word {number}")
            for number in range(rules)
        ),
    )
    User.objects.create_superuser("librarian", "", PASSWORD)


def _usage(keys: list[ApiKey], voices: list[Voice]) -> Iterator[DailyUsage]:
    """A month: each key speaks with a voice of its own and with one that all use."""
    today = datetime.datetime.now(datetime.UTC).date()
    for days in range(30):
        for number, key in enumerate(keys):
            for voice in {voices[0], voices[number % len(voices)]}:
                day = today - datetime.timedelta(days)
                yield DailyUsage(
                    key=key, voice_id=voice.voice_id, day=day, characters=1000, audio_seconds=60, requests=9
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voices", type=int, default=1000)
    parser.add_argument("--keys", type=int, default=300)
    parser.add_argument("--rules", type=int, default=1000)
    options = parser.parse_args()
    make(options.voices, options.keys, options.rules)


if __name__ == "__main__":
    main()
