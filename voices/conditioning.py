"""The recordings of a voice as bytes, and what engines made of them, kept for every process that shares the database."""

import asyncio
import hashlib
from collections.abc import Sequence

from voices.clips import MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from voices.containers import container
from voices.database import read, write
from voices.decoding import DecodeLimits, DecoderUnavailable, Unreadable, samples
from voices.models import ReferenceClip, Voice, VoiceConditioning, clip_limits
from voices.plain_wav import BYTES_PER_SAMPLE, plain_wav

# All recordings of one voice together, as they are stored and as they are decoded: they are in memory at once when a voice
# is prepared.
MOST_BYTES = 256 * 2**20
# Of the speech in each recording. No engine uses more: XTTS takes the first 30 seconds.
MOST_SECONDS = 120.0


class RecordingsUnusable(Exception):
    """The recordings of a voice cannot be read. The message is fit for the client."""


async def stored_conditioning(key: str, fingerprint: str) -> bytes | None:
    """What an engine of that fingerprint made of the recordings of that key, if any process has stored it. Raises
    DatabaseError."""
    return await read(_stored, key, fingerprint)


def _stored(key: str, fingerprint: str) -> bytes | None:
    row = VoiceConditioning.objects.filter(key=key, fingerprint=fingerprint).values_list("data").first()
    return None if row is None else bytes(row[0])


async def store_conditioning(key: str, fingerprint: str, data: bytes) -> None:
    """Keep it, in place of what engines of other fingerprints made of the same recordings, for as long as a voice has
    them. Whoever else stores the same at the same time does no harm."""
    await write(_store, key, fingerprint, data)


def _store(key: str, fingerprint: str, data: bytes) -> None:
    VoiceConditioning.objects.update_or_create(key=key, fingerprint=fingerprint, defaults={"data": data})
    VoiceConditioning.objects.filter(key=key).exclude(fingerprint=fingerprint).delete()
    VoiceConditioning.objects.drop_unused()  # the voice may have changed meanwhile


async def clip_bytes(voice: Voice) -> tuple[bytes, ...]:
    """What is spoken in the voice's recordings, as WAV files in an order that depends on nothing but their content. They are
    decoded in a process of their own, so that an engine reads nothing that a stranger has made. Raises RecordingsUnusable
    for a file that is missing or not the one that was uploaded."""
    clips = sorted([clip async for clip in voice.clips.all()], key=lambda clip: clip.sha256)
    size = sum(clip.size_bytes for clip in clips)
    if size > MOST_BYTES:
        raise RecordingsUnusable(
            f"The recordings of the voice {voice.voice_id!r} have {size / 2**20:.0f} MB together; "
            f"at most {MOST_BYTES / 2**20:.0f} MB can be used."
        )
    return await asyncio.to_thread(_read_all, voice.voice_id, clips)


def _read_all(voice_id: str, clips: Sequence[ReferenceClip]) -> tuple[bytes, ...]:
    return tuple(_decoded(voice_id, clip, _read(voice_id, clip), MOST_BYTES // len(clips)) for clip in clips)


def _decoded(voice_id: str, clip: ReferenceClip, content: bytes, most_bytes: int) -> bytes:
    limits = clip_limits()
    kind = container(content)
    if kind is None:
        raise RecordingsUnusable(f"A recording of the voice {voice_id!r} cannot be decoded.")
    try:
        sound, rate = samples(
            content,
            kind,
            DecodeLimits(
                seconds=limits.max_decode_seconds,
                memory=limits.max_decode_bytes,
                rates=(MIN_SAMPLE_RATE, MAX_SAMPLE_RATE),
                channels=MAX_CHANNELS,
                most_sound=max(clip.duration_seconds + 1, limits.max_seconds),
            ),
            most=min(int(MOST_SECONDS * clip.sample_rate), most_bytes // BYTES_PER_SAMPLE),
        )
    except Unreadable:
        raise RecordingsUnusable(f"A recording of the voice {voice_id!r} cannot be decoded.") from None
    except DecoderUnavailable as error:
        raise RecordingsUnusable(f"A recording of the voice {voice_id!r} cannot be decoded: {error}.") from error
    return plain_wav(sound, rate)


def _read(voice_id: str, clip: ReferenceClip) -> bytes:
    try:
        with clip.file.storage.open(str(clip.file.name)) as file:
            data = bytes(file.read())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RecordingsUnusable(f"A recording of the voice {voice_id!r} cannot be read: {reason}.") from error
    if hashlib.sha256(data).hexdigest() != clip.sha256:
        raise RecordingsUnusable(
            f"The file of a recording of the voice {voice_id!r} was changed after it was uploaded."
        )
    return data
