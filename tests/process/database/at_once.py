"""Programs for `manage.py shell -c` in which threads, each with a connection of its own, write to one database at once."""

SPEND_AT_ONCE = """
import datetime
from concurrent.futures import ThreadPoolExecutor
from asgiref.sync import async_to_sync
from streaming.access.identity import Client
from streaming.access.models import ApiKey, DailyUsage, UsageSlot
from streaming.errors import Refused
from streaming.access.usage import spend
key, _ = ApiKey.objects.create_with_secret(name="Test", max_characters_per_month=50)
def try_to_spend(_):
    try:
        async_to_sync(spend)(UsageSlot(key.pk, "anna", datetime.date(2026, 11, 24)), 10)
    except Refused:
        return False
    return True
with ThreadPoolExecutor(8) as pool:
    spenders = sum(pool.map(try_to_spend, range(16)))
print(spenders, DailyUsage.objects.get().characters)
"""

STORE_AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor
from asgiref.sync import async_to_sync
from django.core.files.base import ContentFile
from tests.pure.voices.recordings import recording
from voices.conditioning import store_conditioning
from voices.models import ReferenceClip, Voice, VoiceConditioning
voice = Voice.objects.create(voice_id="anna", name="Anna")
clip = ReferenceClip(voice=voice, file=ContentFile(recording(), "anna.wav"))
clip.full_clean()
clip.save()
with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda data: async_to_sync(store_conditioning)(voice.key, "one", data), [b"same"] * 32))
print([bytes(row.data) for row in VoiceConditioning.objects.all()])
"""

REPLACE_AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from django.conf import settings
from django.core.files.base import ContentFile
from tests.pure.voices.recordings import recording
from voices import reference_clips
from voices.models import ReferenceClip, Voice
clip = ReferenceClip(voice=Voice.objects.create(voice_id="often", name="Often"), file=ContentFile(recording(), "a.wav"))
clip.full_clean()
clip.save()
everybody, store = Barrier(8), reference_clips.store
def store_together(*what):
    everybody.wait()
    return store(*what)
reference_clips.store = store_together
def replace(number):
    mine = ReferenceClip.objects.get(pk=clip.pk)
    mine.file = ContentFile(recording(1.5 + number / 10), "b.wav")
    mine.full_clean()
    mine.save()
with ThreadPoolExecutor(8) as pool:
    list(pool.map(replace, range(8)))
kept = ReferenceClip.objects.get(pk=clip.pk)
files = {path.name for folder in ("clips", "copies") for path in Path(settings.MEDIA_ROOT, folder).iterdir()}
print(files == {Path(kept.file.name).name, Path(kept.model_copy.name).name}, len(files))
"""
