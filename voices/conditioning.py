"""The recordings of a voice as bytes, and what engines made of them, kept for every process that shares the database."""

from voices.clip_copies import Uncopied, copied
from voices.database import read, write
from voices.models import Voice, VoiceConditioning
from voices.plain_wav import first_seconds, shortened
from voices.storage import StorageUnavailable

# What is read of all recordings of one voice together: the copies are in memory at once when a voice is prepared. Of each
# copy that has more than its share, the beginning is used.
MOST_BYTES = 256 * 2**20
# What the engines made that came before is of use to nobody.
MOST_ENGINES = 3


class RecordingsUnusable(Exception):
    """The recordings of a voice cannot be read. The message is fit for the client. `may_pass`: for now, since their storage
    cannot be used."""

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass


async def stored_conditioning(key: str, fingerprint: str) -> bytes | None:
    """What an engine of that fingerprint made of the recordings of that key, if any process has stored it. Raises
    DatabaseError."""
    return await read(_stored, key, fingerprint)


def _stored(key: str, fingerprint: str) -> bytes | None:
    row = VoiceConditioning.objects.filter(key=key, fingerprint=fingerprint).values_list("data").first()
    return None if row is None else bytes(row[0])


async def is_conditioned(key: str, fingerprint: str) -> bool:
    """Whether that is stored. Raises DatabaseError."""
    return await read(VoiceConditioning.objects.filter(key=key, fingerprint=fingerprint).exists)


async def store_conditioning(key: str, fingerprint: str, data: bytes) -> None:
    """Keep it for as long as a voice has these recordings, beside what a few engines of other fingerprints have made of
    them: servers with different engines may share a database. Whoever else stores the same at the same time does no harm."""
    await write(_store, key, fingerprint, data)


def _store(key: str, fingerprint: str, data: bytes) -> None:
    VoiceConditioning.objects.update_or_create(key=key, fingerprint=fingerprint, defaults={"data": data})
    made = VoiceConditioning.objects.filter(key=key).order_by("-created_at", "-pk").values_list("pk", flat=True)
    VoiceConditioning.objects.filter(pk__in=list(made[MOST_ENGINES:])).delete()
    VoiceConditioning.objects.drop_unused()  # the voice may have changed meanwhile


async def clip_bytes(voice: Voice) -> tuple[bytes, ...]:
    """What is spoken in the voice's recordings, as WAV files in an order that depends on nothing but their content: the
    copies, which this server has made, so that an engine reads nothing that a stranger has made. Raises RecordingsUnusable
    for a file that is missing or not the one that was uploaded."""
    clips = sorted([clip async for clip in voice.clips.all()], key=lambda clip: clip.sound)
    try:
        wavs = [shortened(await copied(clip), MOST_BYTES // len(clips)) for clip in clips]
    except Uncopied as error:
        may_pass = isinstance(error.__cause__, StorageUnavailable)
        raise RecordingsUnusable(error.of_voice(voice.voice_id), may_pass=may_pass) from error
    seconds = voice.reference_seconds
    return tuple(wavs) if seconds is None else tuple(first_seconds(wav, seconds) for wav in wavs)
