"""`manage.py setup`: everything that a first start needs; afterwards, and on every later start, nothing but a look."""

import secrets
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Q

from streaming import conf
from voices.clip_files import FileNotStored, stored_with_rows
from voices.known_ids import DEFAULT_VOICE_ID, DEMO_VOICE_ID
from voices.management.commands.add_demo_voice import add_demo_voice
from voices.models import ReferenceClip, Voice
from xtts_site.config import get_config, manage

ADMIN_NAME = "admin"


class Command(BaseCommand):
    help = "Prepare the database, the first administrator and the first voices. Can be run again at any time."
    # They load every view, and the server checks at its start anyway.
    requires_system_checks = []  # noqa: RUF012

    def handle(self, *_: Any, **__: Any) -> None:
        _require_database()
        if _migrate():
            self.stdout.write("The database is up to date.")
        if password := _create_first_administrator():
            self.stdout.write(f"Voice '{DEMO_VOICE_ID}' is ready; it is the embedded voice.")
            self._show_password(password)
        if done := _provide_default_voice():
            self.stdout.write(done)

    def _show_password(self, password: str) -> None:
        line = f"   Sign in to /admin/ as   {ADMIN_NAME}   with the password   {password}   "
        hint = f"   It is shown only once. To set a new one: {manage()} changepassword {ADMIN_NAME}"
        rule = "=" * max(len(line), len(hint) + 3)
        self.stdout.write("\n".join(("", rule, self.style.SUCCESS(line), hint, rule, "")))


def _require_database() -> None:
    config = get_config()
    if config.database_url is None:
        config.service.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        reason = " ".join(str(error).split()).rstrip(".?")
        which = "that DATABASE_URL names" if config.database_url else "in service.data_dir (DATABASE_URL is not set)"
        raise CommandError(f"The database {which} cannot be reached: {reason}.") from None


def _migrate() -> bool:
    """Whether anything was to be done. Looking first is faster than `migrate`, which refreshes permissions every time."""
    executor = MigrationExecutor(connection)
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return False
    call_command("migrate", verbosity=0, interactive=False)
    return True


@transaction.atomic
def _create_first_administrator() -> str | None:
    """The new administrator's password, or None when there is one already.

    Having no administrator is what makes a set-up the first one: only then does the embedded voice arrive, so that whoever
    deletes it later is rid of it.
    """
    users = get_user_model()._default_manager
    if users.filter(Q(is_superuser=True) | Q(username=ADMIN_NAME)).exists():
        return None
    password = secrets.token_urlsafe(12)
    get_user_model().objects.create_superuser(ADMIN_NAME, password=password)
    add_demo_voice()
    return password


def _provide_default_voice() -> str | None:
    """Make the voice that the settings ask for. Returns what was done, as a sentence. Raises CommandError."""
    config = conf.get_config()
    if config.model.speaker_wav is not None:
        return _speak_default_voice_from(config.model.speaker_wav)
    if config.voices.unknown == "default":
        _, is_new = _default_voice()
        return f"Voice '{DEFAULT_VOICE_ID}' is ready: it answers for unknown voices." if is_new else None
    return None


def _default_voice() -> tuple[Voice, bool]:
    return Voice.objects.get_or_create(voice_id=DEFAULT_VOICE_ID, defaults={"name": "Default"})


def _speak_default_voice_from(path: Path) -> str | None:
    try:
        stream = path.open("rb")
    except OSError as error:
        raise CommandError(f"model.speaker_wav names {path}, which cannot be read: {error.strerror}.") from None
    with stream, stored_with_rows():
        is_new = _give_default_voice(File(stream, name=path.name))
    return f"Voice '{DEFAULT_VOICE_ID}' now speaks like {path} (model.speaker_wav)." if is_new else None


@transaction.atomic
def _give_default_voice(recording: "File[bytes]") -> bool:
    """Unless the voice has this recording, it gets it, in place of the one that the setting named before. Recordings that
    people uploaded stay."""
    voice, _ = _default_voice()
    clip = ReferenceClip(voice=voice, file=recording, from_settings=True)
    try:
        clip.full_clean()
    except ValidationError as error:
        sentence = error.messages[0]
        raise CommandError(f"model.speaker_wav cannot be used: {sentence[0].lower()}{sentence[1:]}") from None
    if voice.clips.filter(sha256=clip.sha256).exists():
        return False
    for replaced in voice.clips.filter(from_settings=True):
        replaced.delete()
    try:
        clip.save()
    except FileNotStored as error:
        raise CommandError(str(error)) from None
    return True
