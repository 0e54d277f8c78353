"""Audio that somebody else makes, on its way into a channel that sessions listen to.

`Publisher` is for Django code: a channel-layer group whose events carry their sample rate and a sequence number, so that
they are resampled, and a lost one is noticed.
"""

import base64
import hashlib
import json
import uuid
from dataclasses import dataclass

from channels.layers import BaseChannelLayer, get_channel_layer

from streaming.audio.encoder import Samples
from streaming.audio.pcm import encode_pcm16
from streaming.errors import SourceError


@dataclass(frozen=True, slots=True, eq=False)
class ForwardedAudio:
    """One publication: mono float32 samples at `sample_rate` Hz; `is_final` ends the batch after them."""

    samples: Samples
    sample_rate: int
    is_final: bool = False

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate


def group_name(audio_channel: str) -> str:
    """The channel-layer group of a channel. A hash: Channels refuses ':' in names and anything over 100 characters."""
    return f"xtts.forward.{hashlib.sha256(audio_channel.encode()).hexdigest()[:40]}"


class Publisher:
    """Plays one batch of audio into a channel, from Django code. `finish` ends the batch.

    Raises what the channel layer raises, for Redis that is RedisError.
    """

    def __init__(self, audio_channel: str, sample_rate: int, *, layer: BaseChannelLayer | None = None) -> None:
        self._group = group_name(audio_channel)
        self._sample_rate = sample_rate
        self._layer = layer or default_layer()
        self._batch = uuid.uuid4().hex
        self._sequence = 0

    async def send(self, samples: Samples) -> None:
        """Publish mono float32 samples in [-1, 1]."""
        await self._publish(encode_pcm16(samples), is_final=False)

    async def finish(self) -> None:
        await self._publish(b"", is_final=True)

    async def _publish(self, audio: bytes, *, is_final: bool) -> None:
        event = {
            "type": "forward.audio",
            "batch": self._batch,
            "sequence": self._sequence,
            "rate": self._sample_rate,
            "audio": audio,
            "final": is_final,
        }
        self._sequence += 1
        await self._layer.group_send(self._group, event)


def default_layer() -> BaseChannelLayer:
    layer = get_channel_layer()
    if layer is None:
        raise SourceError("No channel layer is configured.")
    return layer


def encode_raw(samples: Samples, *, is_final: bool = False) -> str:
    """A raw publication, as any producer may make it: samples at the session's rate."""
    return json.dumps({"audio": base64.b64encode(encode_pcm16(samples)).decode("ascii"), "isFinal": is_final})
