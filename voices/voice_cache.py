"""The voices that clients ask for, kept for a moment: most ask for the same few."""

import time
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, Literal

from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models.signals import post_delete, post_save

from voices.database import read
from voices.known_ids import DEFAULT_VOICE_ID
from voices.models import LONGEST_ID, VOICE_ID, ReferenceClip, Voice
from voices.questions import Questions
from voices.remembered import Clock, Remembered

# Voices have their clips with them, some 10 KB each.
MOST_VOICES = 512
# Ids that are of no voice. Whoever asks for many of them displaces others of these, and no voice.
MOST_ABSENT = 1024
# What has the age of a limit is within it.
_MOMENT = 0.001


class VoiceCache:
    """One per server process. A voice is looked up again after `fresh` seconds, and at once when this process has changed
    it. While the database does not answer, voices that were looked up in the last `outage` seconds are there."""

    def __init__(self, *, fresh: float = 1.0, outage: float = 3600.0, clock: Clock = time.monotonic) -> None:
        self._fresh = fresh
        self._outage = outage
        self._voices: Remembered[str, Voice] = Remembered(MOST_VOICES, clock)
        self._absent: Remembered[str, Literal[True]] = Remembered(MOST_ABSENT, clock)
        self._questions: Questions[Voice | None] = Questions(clock)
        for signal in (post_save, post_delete):
            signal.connect(self._voice_has_changed, sender=Voice)
            signal.connect(self._clip_has_changed, sender=ReferenceClip)

    async def resolve(
        self,
        voice_id: str,
        *,
        unknown: Literal["refuse", "default"],
        allowed: Collection[str] | None,
        stand_ins: Sequence[str] = (),
    ) -> Voice | None:
        """The enabled voice of that id with its clips loaded, else the first of `stand_ins` that there is, else what
        `unknown` says: none, or the default voice. `allowed`: the ids that the client may use, None for all; to it, no
        other voice exists. Raises DatabaseError.

        Clients send any text as an id, and not every database takes any text: what cannot be an id is not asked for.
        """
        wanted = [voice_id, *stand_ins, *([DEFAULT_VOICE_ID] if unknown == "default" else [])]
        ids = [each for each in wanted if _may_be_id(each) and (allowed is None or each in allowed)]
        is_known, voice = self._remembered(ids, self._fresh)
        if is_known or not ids:
            return voice
        try:
            # Who comes after a change does not get the answer from before it.
            question = (self._voices.changes, *ids)
            return await self._questions.ask(question, partial(self._look_up, ids))
        except DatabaseError:
            _, voice = self._remembered(ids, self._outage)
            if voice is None:  # others may have added it meanwhile
                raise
            return voice

    def _remembered(self, ids: Sequence[str], seconds: float) -> tuple[bool, Voice | None]:
        """Whether it is known which of `ids` is the first that there is, and the voice; None if there is none."""
        for voice_id in ids:
            if voice := self._voices.get(voice_id, seconds):
                return True, voice
            if not self._absent.get(voice_id, seconds):
                return False, None
        return True, None

    async def _look_up(self, ids: Sequence[str]) -> Voice | None:
        changes, absences = self._voices.changes, self._absent.changes
        found = await read(Voice.objects.enabled_of, ids)
        for voice_id in ids:
            if voice := found.get(voice_id):
                self._voices.keep(voice_id, voice, changes)
                self._absent.drop(voice_id)
            else:
                self._voices.drop(voice_id)
                self._absent.keep(voice_id, True, absences)
        return next((found[each] for each in ids if each in found), None)

    def __len__(self) -> int:
        return len(self._voices) + len(self._absent)

    def forget(self, pks: frozenset[int] | None) -> None:
        """Others have changed these voices; None: it is not known which, and they are looked up again if the database
        answers. Any thread may call."""
        if pks is None:
            self._voices.age(self._fresh + _MOMENT)
        else:
            self._voices.forget(lambda _, voice: voice.pk in pks)
        self._absent.forget(lambda _, __: True)

    def _voice_has_changed(self, instance: Voice, using: str, **_: Any) -> None:
        self._forget_when_done(instance.pk, using)

    def _clip_has_changed(self, instance: ReferenceClip, using: str, **_: Any) -> None:
        self._forget_when_done(instance.voice_id, using)

    def _forget_when_done(self, pk: int, using: str) -> None:
        """Now, for who has changed it, and when others can see the change: who asks until then is told what was before."""
        self.forget(frozenset({pk}))
        transaction.on_commit(partial(self.forget, frozenset({pk})), using=using)


def _may_be_id(text: str) -> bool:
    return len(text) <= LONGEST_ID and VOICE_ID.match(text) is not None
