"""`python manage.py runserver` would serve pages and no speech: it says what does."""

from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Refuses: Django's development server has no sockets. Use serve."
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """Whatever options it is given."""
        super().run_from_argv(argv[:2])

    def handle(self, *args: Any, **options: Any) -> NoReturn:
        raise CommandError("Django's development server cannot serve speech: use `manage.py serve`.")
