"""`python manage.py fetch_xtts [DIR]`: the published XTTS v2 model, from its hub."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from streaming.dispatch.packages import MissingPackages, require_packages

try:
    require_packages("xtts")
except MissingPackages as error:
    # What follows could not be imported, and Django would show a traceback for that.
    sys.exit(str(error))

from streaming.engine.checkpoint.files import CONFIG, MODEL, SPEAKERS, VOCAB, CheckpointError, find_checkpoint
from streaming.management.fetching import Bring, FetchCommand
from streaming.management.hub_files import NotOnHub

NEEDED = (CONFIG, VOCAB, MODEL)
# Early revisions lack the built-in voices, and some copies of the repository lack the other two files.
OPTIONAL = (SPEAKERS, "hash.md5", "LICENSE.txt")
LICENCE = """\
The weights of XTTS v2 are under the Coqui Public Model License 1.0.0 (CPML): the model, and the speech that it makes, may be
used for non-commercial purposes only. Read the licence before you continue:
  {url}
"""


class Command(FetchCommand):
    repository = "coqui/XTTS-v2"
    default_folder = "xtts"
    help = f"Download the XTTS v2 model ({repository}, about 1.9 GB). Files that are complete are not downloaded again."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--accept-licence", action="store_true", help="you have read the CPML and accept it")

    def handle(self, *args: Any, **options: Any) -> None:
        self._ask(f"{self.url(options, 'blob')}/LICENSE.txt", is_accepted=options["accept_licence"])
        folder = self.folder(options)
        with self.fetching(folder, CheckpointError) as bring:
            self._fetch_all(bring, self.url(options, "resolve"), folder)
            find_checkpoint(None, folder, None)
        self.stdout.write(f"\nXTTS v2 is in {folder}. In config.yaml:\n\nmodel:\n  checkpoint_path: {folder}\n")

    def _ask(self, url: str, *, is_accepted: bool) -> None:
        if is_accepted:
            return
        self.stdout.write(LICENCE.format(url=url))
        if not sys.stdin.isatty():
            raise CommandError(
                "There is no terminal to ask on. --accept-licence states that you have read the licence and accept it."
            )
        self.stdout.write("Do you accept it? [yes/no] ", ending="")
        self.stdout.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was downloaded.")

    def _fetch_all(self, bring: Bring, base: str, folder: Path) -> None:
        for name in (*NEEDED, *OPTIONAL):
            try:
                bring(f"{base}/{name}", folder / name)
            except NotOnHub:
                if name in NEEDED:
                    raise
                self.stdout.write(f"{name}: not on this hub, skipped")
