"""`python manage.py forward_wav CHANNEL FILE`: plays a recording into a channel that forward sessions listen to."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import redis.asyncio
import soundfile
from django.core.management.base import BaseCommand, CommandError, CommandParser
from redis.exceptions import RedisError

from streaming.audio.encoder import Samples
from streaming.conf import get_config
from streaming.forwarding.publisher import Publisher, encode_raw

CHUNK_SECONDS = 0.2


class Command(BaseCommand):
    help = "Play a WAV (or FLAC, OGG, MP3) file into an audio channel of forward mode."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("channel", help="the audio_channel of the sessions, e.g. sess:123:audio")
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--raw",
            action="store_true",
            help="publish raw Redis messages, as other producers do; the file must have the sessions' sample rate",
        )
        parser.add_argument("--realtime", action="store_true", help="publish in real time, not all at once")

    def handle(self, *args: Any, **options: Any) -> None:
        url = get_config().redis_url
        if url is None:
            raise CommandError("REDIS_URL is not set; without Redis, no other process receives what is published here.")
        samples, rate = _read(options["file"])
        pause = CHUNK_SECONDS if options["realtime"] else 0.0
        channel = options["channel"]
        try:
            if options["raw"]:
                asyncio.run(_play_raw(channel, samples, rate, pause, url))
            else:
                asyncio.run(_play(channel, samples, rate, pause))
        except (RedisError, OSError) as error:
            raise CommandError(f"Redis does not accept the audio: {error}.") from None
        self.stdout.write(f"Played {len(samples) / rate:.2f} s at {rate} Hz into {options['channel']}.")


def _read(path: Path) -> tuple[Samples, int]:
    try:
        data, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise CommandError(f"{path} cannot be read as audio: {error}.") from None
    mono: Samples = data.mean(axis=1, dtype=np.float32)
    return mono, int(rate)


def _chunks(samples: Samples, rate: int) -> list[Samples]:
    size = int(rate * CHUNK_SECONDS)
    return [samples[start : start + size] for start in range(0, len(samples), size)]


async def _play(channel: str, samples: Samples, rate: int, pause: float) -> None:
    publisher = Publisher(channel, rate)
    for chunk in _chunks(samples, rate):
        await publisher.send(chunk)
        await asyncio.sleep(pause)
    await publisher.finish()


async def _play_raw(channel: str, samples: Samples, rate: int, pause: float, url: str) -> None:
    async with redis.asyncio.Redis.from_url(url) as client:
        for chunk in _chunks(samples, rate):
            await client.publish(channel, encode_raw(chunk))
            await asyncio.sleep(pause)
        await client.publish(channel, encode_raw(samples[:0], is_final=True))
