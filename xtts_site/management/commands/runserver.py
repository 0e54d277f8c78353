"""`python manage.py runserver` would serve pages and no speech: it says what does."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Refuses: Django's development server has no sockets. Use serve."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        raise CommandError("Django's development server cannot serve speech: use `manage.py serve`.")

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("ignored", nargs="*")
