from django.apps import AppConfig


class StreamingConfig(AppConfig):
    name = "streaming"

    def ready(self) -> None:
        """A wrong setting ends every command, with the sentence that names it."""
        from streaming.conf import get_config

        get_config()
