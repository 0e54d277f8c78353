"""`python manage.py random_checkpoint --size tiny|small|full DIR`: a valid XTTS v2 checkpoint with random weights."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from streaming.dispatch.packages import MissingPackages, require_packages
from streaming.engine.checkpoint.files import CONFIG, MODEL, SPEAKERS, VOCAB


class Command(BaseCommand):
    help = "Write an XTTS v2 checkpoint with random weights, for tests and measurements. It speaks noise."
    # It needs neither the database nor any URL.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument(
            "--size",
            choices=("tiny", "small", "full"),
            default="tiny",
            help="full: the size of the published model, 2 GB; small: fewer and narrower layers; tiny: also a narrower "
            "vocoder, which coqui-tts alone cannot load",
        )
        parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same weights")
        parser.add_argument("--force", action="store_true", help="replace an existing checkpoint")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        there = [name for name in (CONFIG, MODEL, VOCAB, SPEAKERS) if (folder / name).exists()]
        if there and not options["force"]:
            raise CommandError(
                f"{folder} already contains {there[0]}: name another folder, or replace it with --force."
            )
        try:
            require_packages("xtts")
        except MissingPackages as error:
            raise CommandError(str(error)) from None
        # Only now: torch and coqui-tts take seconds to import.
        from streaming.engine.checkpoint.random_checkpoint import write_random_checkpoint

        try:
            write_random_checkpoint(folder, options["size"], options["seed"])
        except OSError as error:
            raise CommandError(f"{folder} cannot be written: {error.strerror or error}.") from None
        self.stdout.write(f"Wrote a {options['size']} checkpoint with random weights into {folder}.")
