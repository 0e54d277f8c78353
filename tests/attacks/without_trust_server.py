"""`manage.py serve` that looks at a key again before everything that it is charged for, and not twice a minute.
`python -m tests.attacks.without_trust_server`."""

from django.core.management import execute_from_command_line

from tests.live.early_application import import_application

if __name__ == "__main__":
    import_application()
    from streaming.access import trust

    trust.TRUST_SECONDS = -1.0
    execute_from_command_line(["manage.py", "serve"])
