"""`python manage.py create_key NAME`: a new API key, for machines without a browser."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from streaming.access.models import ApiKey


class Command(BaseCommand):
    help = "Create an API key and print it once. Set its rights and limits in the admin."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="who or what the key is for")
        parser.add_argument("--may-manage-voices", action="store_true", help="add, edit and delete voices over HTTP")
        parser.add_argument(
            "--forward-prefix",
            action="append",
            default=[],
            help="prefix of the forward-mode channels that the key may listen to, e.g. sess:alice: (may be repeated)",
        )

    def handle(self, *_: Any, name: str, may_manage_voices: bool, forward_prefix: list[str], **__: Any) -> None:
        try:
            prefixes = "\n".join(forward_prefix)
            secret = ApiKey.objects.create_with_secret(
                name=name, may_manage_voices=may_manage_voices, forward_prefixes=prefixes
            )[1]
        except ValidationError as error:
            what = "name" if "name" in error.message_dict else "prefix"
            raise CommandError(f"This {what} cannot be used: {error.messages[0]}") from None
        self.stdout.write(secret)
