"""`python manage.py fetch_piper_voice ru_RU-irina-medium`: a voice for the embedded engine, from its hub."""

import re
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from streaming.dispatch.packages import MissingPackages, require_packages

try:
    require_packages("demo")
except MissingPackages as error:
    # What follows could not be imported, and Django would show a traceback for that.
    sys.exit(str(error))

from streaming.engine.demo.voice_files import VoiceError, description_path, read_description
from streaming.management.fetching import Bring, FetchCommand
from streaming.management.hub_files import NotOnHub

# ru_RU-irina-medium: the language, its region, the speaker, the quality.
VOICE = re.compile(
    r"(?P<language>[a-z]{2,3})_(?P<region>[A-Z0-9]{2,4})-(?P<speaker>\w+)-(?P<quality>[a-z_]+)", re.ASCII
)
CARD = "MODEL_CARD"
# A model card can be longer than anybody reads on a terminal.
MOST_OF_A_CARD = 4000


class Command(FetchCommand):
    repository = "rhasspy/piper-voices"
    default_folder = "piper"
    help = f"Download a Piper voice ({repository}, 20 to 115 MB). Files that are complete are not downloaded again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("voice", help="for instance ru_RU-irina-medium")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["voice"]
        parts = VOICE.fullmatch(name)
        if parts is None:
            raise CommandError(f"{name!r} is not the name of a Piper voice, which looks like ru_RU-irina-medium.")
        place = f"{parts['language']}/{parts['language']}_{parts['region']}/{parts['speaker']}/{parts['quality']}"
        folder = self.folder(options)
        model = folder / f"{name}.onnx"
        with self.fetching(folder, VoiceError) as bring:
            self._fetch_all(bring, f"{self.url(options, 'resolve')}/{place}", model)
            read_description(model)
        self.stdout.write(
            f"\nThe voice is in {folder}. In config.yaml:\n\nmodel:\n  demo_voices:\n    {parts['language']}: {model}\n"
        )

    def _fetch_all(self, bring: Bring, base: str, model: Path) -> None:
        """The card first: it states the licence."""
        card = model.with_name(f"{model.stem}.{CARD}")
        try:
            bring(f"{base}/{CARD}", card)
            notice = "The voice has this model card. The licence of the voice is that of the data which the card names:"
            self.stdout.write(f"\n{notice}\n\n{_beginning_of(card)}\n\n")
        except NotOnHub:
            self.stdout.write("This hub has no model card for the voice: look for its licence before you use it.")
        bring(f"{base}/{model.name}.json", description_path(model))
        bring(f"{base}/{model.name}", model)


def _beginning_of(card: Path) -> str:
    """Without the control characters in which a stranger could hide commands to the operator's terminal."""
    with card.open(encoding="utf-8", errors="replace") as file:
        text = file.read(MOST_OF_A_CARD).replace("\t", " ")
    return "".join(char for char in text if char.isprintable() or char == "\n").strip()
