"""`python manage.py fetch_xtts [DIR]`: the published XTTS v2 model, from its hub."""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.core.management.base import BaseCommand, CommandError, CommandParser

from streaming.dispatch.packages import MissingPackages, require_packages

try:
    require_packages("xtts")
except MissingPackages as error:
    # What follows could not be imported, and Django would show a traceback for that.
    sys.exit(str(error))

from streaming.conf import get_config
from streaming.engine.checkpoint.files import CONFIG, MODEL, SPEAKERS, VOCAB, CheckpointError, find_checkpoint
from streaming.management.hub_files import DEFAULT_HUB, FetchError, NotOnHub, fetch, hub_address, hub_client, kept
from streaming.management.progress import Progress

REPOSITORY = "coqui/XTTS-v2"
NEEDED = (CONFIG, VOCAB, MODEL)
# Early revisions have no built-in voices, copies of the repository not always the rest.
WELCOME = (SPEAKERS, "hash.md5", "LICENSE.txt")
LICENCE = """\
The weights of XTTS v2 are under the Coqui Public Model License 1.0.0 (CPML): the model, and the speech that it makes, may be
used for non-commercial purposes only. Read the licence before you continue:
  {url}
"""


class Command(BaseCommand):
    help = f"Download the XTTS v2 model ({REPOSITORY}, about 1.9 GB). Files that are complete are not downloaded again."
    # It needs neither the database nor any URL.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="default: xtts in service.data_dir")
        parser.add_argument("--hub", help=f"address of the hub; default: HF_ENDPOINT, or {DEFAULT_HUB}")
        parser.add_argument("--revision", default="main", help="branch, tag or commit of the model")
        parser.add_argument("--accept-licence", action="store_true", help="you have read the CPML and accept it")

    def handle(self, *args: Any, **options: Any) -> None:
        hub = hub_address(options["hub"])
        revision = quote(options["revision"], safe="")
        self._ask(f"{hub}/{REPOSITORY}/blob/{revision}/LICENSE.txt", is_accepted=options["accept_licence"])
        folder = (options["folder"] or get_config().service.data_dir / "xtts").expanduser().absolute()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._fetch_all(f"{hub}/{REPOSITORY}/resolve/{revision}", folder)
            find_checkpoint(None, folder, None)
        except OSError as error:
            raise CommandError(f"{folder} cannot be created: {error.strerror}.") from None
        except (FetchError, CheckpointError) as error:
            raise CommandError(f"{error}{kept(folder)}") from None
        except KeyboardInterrupt:
            raise CommandError(f"Stopped.{kept(folder)}") from None
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

    def _fetch_all(self, base: str, folder: Path) -> None:
        with hub_client() as client:
            for name in (*NEEDED, *WELCOME):
                progress = Progress(name, on_terminal=sys.stderr.isatty())
                try:
                    is_new = fetch(client, f"{base}/{name}", folder / name, progress)
                except NotOnHub:
                    if name in NEEDED:
                        raise
                    self.stdout.write(f"{name}: not on this hub, skipped")
                    continue
                finally:
                    progress.close()
                self.stdout.write(f"{name}: {'downloaded' if is_new else 'already complete'}")
                self.stdout.flush()
