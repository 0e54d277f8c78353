"""`manage.py serve` with an hour for each password, and not a minute: a slow machine may run the tests.
`python -m tests.attacks.long_memory_server`."""

from django.conf import settings
from django.core.management import execute_from_command_line

from tests.live.early_application import import_application

SECONDS = 3600.0

if __name__ == "__main__":
    import_application()
    from xtts_site import sign_in

    # The real one takes a third of a second for every password, which is not what is tested.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    vars(sign_in).update(SECONDS_PER_PASSWORD=SECONDS, SECONDS_PER_ATTEMPT=SECONDS)
    execute_from_command_line(["manage.py", "serve"])
