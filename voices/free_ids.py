"""An id for a new voice, made from its name."""

from itertools import chain, count

from django.utils.text import slugify

from voices.models import LONGEST_ID, Voice

FALLBACK = "voice"
# For the number behind those that are taken.
_ROOM = 6


def free_id(name: str) -> str:
    """One that no voice has. Letters that no URL has are left out: the page writes them in Latin letters before it asks."""
    wanted = slugify(name)[: LONGEST_ID - _ROOM].strip("-_") or FALLBACK
    taken = set(Voice.objects.filter(voice_id__startswith=wanted).values_list("voice_id", flat=True))
    return next(each for each in chain([wanted], (f"{wanted}-{number}" for number in count(2))) if each not in taken)
