"""How far each voice is, for those who look after them: in the engine of this process, or, where there is none, in any."""

from collections.abc import Collection, Iterable

from django.db.models import Prefetch

from voices import speech_hook
from voices.models import ReferenceClip, Voice, VoiceConditioning
from voices.preparation import Prepared, runs_of

NOT_NEEDED, WAITING, READY = Prepared("not_needed"), Prepared("waiting"), Prepared("ready")


def states_of(pks: Iterable[int]) -> dict[int, Prepared]:
    """Of voices, by primary key. A few questions to the database, however many voices."""
    engine = speech_hook.engine()
    if engine is not None and not engine.clones:
        return dict.fromkeys(pks, NOT_NEEDED)
    fingerprint = engine.fingerprint if engine else None
    clips = Prefetch("clips", queryset=ReferenceClip.objects.defer("peaks", "findings"))
    used = Voice.objects.filter(pk__in=list(pks), enabled=True).prefetch_related(clips)
    keys = {voice.pk: voice.key for voice in used if voice.key}
    ready = _ready(keys.values(), fingerprint)
    known = runs_of(set(keys.values()) - ready, fingerprint) | dict.fromkeys(ready, READY)
    return dict.fromkeys(pks, NOT_NEEDED) | {pk: known.get(key, WAITING) for pk, key in keys.items()}


def _ready(keys: Collection[str], fingerprint: str | None) -> set[str]:
    stored = VoiceConditioning.objects.filter(key__in=list(keys))
    if fingerprint is not None:
        stored = stored.filter(fingerprint=fingerprint)
    return set(stored.values_list("key", flat=True))
