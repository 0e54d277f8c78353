"""`manage.py add_demo_voice`: the voice `demo`, which needs no recording."""

from typing import Any

from django.core.management.base import BaseCommand

from voices.known_ids import DEMO_VOICE_ID
from voices.models import Voice


def add_demo_voice() -> bool:
    """Whether it is new. One that is there is left as it is."""
    description = "The embedded voice. It needs neither recordings nor a model."
    _, is_new = Voice.objects.get_or_create(
        voice_id=DEMO_VOICE_ID, defaults={"name": "Demo", "description": description}
    )
    return is_new


class Command(BaseCommand):
    help = "Add the voice 'demo', which needs no recordings: the engine's own voice speaks."

    def handle(self, *_: Any, **__: Any) -> None:
        is_new = add_demo_voice()
        self.stdout.write(f"The voice '{DEMO_VOICE_ID}' is {'ready' if is_new else 'there already'}.")
