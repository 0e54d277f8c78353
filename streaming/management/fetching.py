"""What the commands that fetch a model have in common: their options, their progress, and how they end."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol
from urllib.parse import quote

from django.core.management.base import BaseCommand, CommandError, CommandParser

from streaming.conf import get_config
from streaming.management.hub_files import DEFAULT_HUB, FetchError, fetch, hub_address, hub_client, kept
from streaming.management.progress import Progress


class Bring(Protocol):
    """Fetches the file at a URL and prints a line about it. Raises FetchError."""

    def __call__(self, url: str, target: Path) -> None: ...


class FetchCommand(BaseCommand):
    """Brings files of one repository of a hub into a folder."""

    repository: ClassVar[str]
    # The folder in service.data_dir that the files go to unless another one is named.
    default_folder: ClassVar[str]
    # Neither the database nor any URL is needed.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        default = f"default: {self.default_folder} in service.data_dir"
        parser.add_argument("folder", type=Path, nargs="?", metavar="DIR", help=default)
        parser.add_argument("--hub", help=f"address of the hub; default: HF_ENDPOINT, or {DEFAULT_HUB}")
        parser.add_argument("--revision", default="main", help="branch, tag or commit of the repository")

    def folder(self, options: dict[str, Any]) -> Path:
        folder: Path = options["folder"] or get_config().service.data_dir / self.default_folder
        return folder.expanduser().absolute()

    def url(self, options: dict[str, Any], kind: str) -> str:
        """`kind`: "resolve" for the files themselves, "blob" for the pages that show them."""
        return f"{hub_address(options['hub'])}/{self.repository}/{kind}/{quote(options['revision'], safe='')}"

    @contextmanager
    def fetching(self, folder: Path, unusable: type[Exception]) -> Iterator[Bring]:
        """Make the folder and lend a client of the hub; whatever goes wrong becomes one sentence.

        `unusable`: the error that says why a model cannot be used although all its files are there. Raises CommandError.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"{folder} cannot be created: {error.strerror}.") from None
        try:
            with hub_client() as client:

                def bring(url: str, target: Path) -> None:
                    progress = Progress(target.name, on_terminal=sys.stderr.isatty())
                    try:
                        is_new = fetch(client, url, target, progress)
                    finally:
                        progress.close()
                    self.stdout.write(f"{target.name}: {'downloaded' if is_new else 'already complete'}")
                    self.stdout.flush()

                yield bring
        except (FetchError, unusable) as error:
            raise CommandError(f"{error}{kept(folder)}") from None
        except OSError as error:
            raise CommandError(f"{error.filename or folder} cannot be used: {error.strerror}.") from None
        except KeyboardInterrupt:
            raise CommandError(f"Stopped.{kept(folder)}") from None
