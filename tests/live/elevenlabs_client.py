"""ElevenLabs' Python client, and what its websocket library needs under TLS."""

from collections.abc import Sequence
from typing import Any

from elevenlabs import ElevenLabs


def speak(client: ElevenLabs, voice_id: str, text: Sequence[str], **options: Any) -> bytes:
    """`convert_realtime`, heard to its end.

    It reads and writes one TLS connection in two threads, and Python's ssl does not lock it against that
    (miguelgrinberg/python-engineio#461): about one request in 400 never leaves the client. The server closes that
    connection after a minute; then it is tried again. The asynchronous client does not lose any.
    """
    while True:
        try:
            return b"".join(client.text_to_speech.convert_realtime(voice_id, text=iter(text), **options))
        except TimeoutError as error:
            if "handshake" not in str(error):
                raise
