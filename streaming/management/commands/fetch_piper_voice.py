"""`python manage.py fetch_piper_voice ru_RU-irina-medium`: a voice for the embedded engine, from its hub."""

import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.core.management.base import BaseCommand, CommandError, CommandParser

from streaming.dispatch.packages import MissingPackages, require_packages

try:
    require_packages("demo")
except MissingPackages as error:
    # What follows could not be imported, and Django would show a traceback for that.
    sys.exit(str(error))

from streaming.conf import get_config
from streaming.engine.demo.voice_files import VoiceError, description_path, read_description
from streaming.management.hub_files import DEFAULT_HUB, FetchError, NotOnHub, fetch, hub_address, hub_client, kept
from streaming.management.progress import Progress

REPOSITORY = "rhasspy/piper-voices"
# ru_RU-irina-medium: the language, its region, the speaker, the quality.
VOICE = re.compile(
    r"(?P<language>[a-z]{2,3})_(?P<region>[A-Z0-9]{2,4})-(?P<speaker>\w+)-(?P<quality>[a-z_]+)", re.ASCII
)
CARD = "MODEL_CARD"
# Of a card that is more than a card.
MOST_OF_A_CARD = 4000


class Command(BaseCommand):
    help = f"Download a Piper voice ({REPOSITORY}, 20 to 115 MB). Files that are complete are not downloaded again."
    # It needs neither the database nor any URL.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("voice", help="for instance ru_RU-irina-medium")
        parser.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="default: piper in service.data_dir")
        parser.add_argument("--hub", help=f"address of the hub; default: HF_ENDPOINT, or {DEFAULT_HUB}")
        parser.add_argument("--revision", default="main", help="branch, tag or commit of the voices")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["voice"]
        parts = VOICE.fullmatch(name)
        if parts is None:
            raise CommandError(f"{name!r} is not the name of a Piper voice, which looks like ru_RU-irina-medium.")
        folder = (options["folder"] or get_config().service.data_dir / "piper").expanduser().absolute()
        place = f"{parts['language']}/{parts['language']}_{parts['region']}/{parts['speaker']}/{parts['quality']}"
        base = f"{hub_address(options['hub'])}/{REPOSITORY}/resolve/{quote(options['revision'], safe='')}/{place}"
        model = folder / f"{name}.onnx"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._fetch_all(base, model)
            read_description(model)
        except OSError as error:
            raise CommandError(f"{folder} cannot be created: {error.strerror}.") from None
        except (FetchError, VoiceError) as error:
            raise CommandError(f"{error}{kept(folder)}") from None
        except KeyboardInterrupt:
            raise CommandError(f"Stopped.{kept(folder)}") from None
        self.stdout.write(
            f"\nThe voice is in {folder}. In config.yaml:\n\nmodel:\n  demo_voices:\n    {parts['language']}: {model}\n"
        )

    def _fetch_all(self, base: str, model: Path) -> None:
        """The card first: it states the licence."""
        card = model.with_name(f"{model.stem}.{CARD}")
        with hub_client() as client:

            def bring(url: str, target: Path) -> None:
                progress = Progress(target.name, on_terminal=sys.stderr.isatty())
                try:
                    is_new = fetch(client, url, target, progress)
                finally:
                    progress.close()
                self.stdout.write(f"{target.name}: {'downloaded' if is_new else 'already complete'}")
                self.stdout.flush()

            try:
                bring(f"{base}/{CARD}", card)
                notice = "The voice has this card. Its licence is that of the data it names:"
                self.stdout.write(f"\n{notice}\n\n{_beginning_of(card)}\n\n")
            except NotOnHub:
                self.stdout.write("This hub has no card for the voice: look for its licence before you use it.")
            bring(f"{base}/{model.name}.json", description_path(model))
            bring(f"{base}/{model.name}", model)


def _beginning_of(card: Path) -> str:
    """A stranger's text for an operator's terminal: no commands to it, such as those that overwrite what stands there."""
    with card.open(encoding="utf-8", errors="replace") as file:
        text = file.read(MOST_OF_A_CARD).replace("\t", " ")
    return "".join(char for char in text if char.isprintable() or char == "\n").strip()
