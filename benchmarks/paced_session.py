"""One stream of a real server, paced to a client: how long did the engine work on it?

The client cannot see that, since audio is sent when it is due. So the engine's process is watched: its main thread, which
does nothing else, uses no processor time before a text comes and none after the last chunk.
"""

import asyncio
import json
import tempfile
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from websockets.asyncio.client import connect

from benchmarks.contenders import LOAD_SECONDS
from benchmarks.heard import RATE
from benchmarks.live_server import LiveServer, manage, write_settings

VOICE_ID = "benchmark"
WARM_UP_TEXT = "Hello. "
QUERY = f"?mode=generate&target_lead_ms=20&output_format=pcm_{RATE}"
# Processor time is counted in hundredths of a second.
LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Session:
    """Seconds. `generation`: from the request to the end of the engine's work; `starved`: how long a player that began with
    the first packet ran dry."""

    ttfa: float
    generation: float
    starved: float
    audio: float

    @property
    def rtf(self) -> float:
        return self.generation / self.audio


class PatientServer(LiveServer):
    """Waits until a model of full size is loaded."""

    def wait_until(self, condition: Any, seconds: float = LOAD_SECONDS) -> None:
        super().wait_until(condition, seconds)


class BusyThread:
    """Within `async with`, watches a process' main thread; `until` is when it was last seen to have worked."""

    def __init__(self, pid: int) -> None:
        self._stat = Path(f"/proc/{pid}/task/{pid}/stat")

    async def __aenter__(self) -> Self:
        self._clock = asyncio.get_running_loop().time
        self.until = self._clock()
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _used(self) -> int:
        fields = self._stat.read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    async def _watch(self) -> None:
        before = self._used()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if (used := self._used()) != before:
                before, self.until = used, self._clock()


def paced_sessions(model: dict[str, Any], *, speaker: str, text: str, repeat: int) -> list[Session]:
    """Start a server with these settings of `model`, warm up, and speak `text` `repeat` times one after the other."""
    with tempfile.TemporaryDirectory(prefix="xtts-benchmark-") as folder:
        settings = write_settings(Path(folder), model=model, service={"max_concurrency": 2})
        with PatientServer(settings) as server:
            _add_voice(settings, speaker)
            (pid,) = server.engine_pids()
            return asyncio.run(_sessions(server.url(VOICE_ID, QUERY), pid, text, repeat))


def _add_voice(settings: Path, speaker: str) -> None:
    """One without recordings, which speaks as the model's own speaker of that name."""
    values = f"voice_id={VOICE_ID!r}, name={speaker!r}"
    done = manage(
        settings, "shell", "-v", "0", "-c", f"from voices.models import Voice; Voice.objects.create({values})"
    )
    if done.returncode:
        raise RuntimeError(f"The voice cannot be made:\n{done.stderr}")


async def _sessions(url: str, pid: int, text: str, repeat: int) -> list[Session]:
    await _session(url, pid, WARM_UP_TEXT)
    return [await _session(url, pid, text) for _ in range(repeat)]


async def _session(url: str, pid: int, text: str) -> Session:
    clock = asyncio.get_running_loop().time
    async with connect(url, compression=None) as socket, BusyThread(pid) as engine:
        # What the connection itself may have asked of the engine is over by then.
        await asyncio.sleep(0.3)
        await socket.send(json.dumps({"text": text, "flush": True}))
        begun = clock()
        await socket.send(json.dumps({"text": ""}))
        ttfa = dry = starved = audio = 0.0
        async for raw in socket:
            now = clock()
            message = json.loads(raw)
            if message.get("error"):
                raise RuntimeError(message["message"])
            if message.get("isFinal") is True:
                break
            if not audio:
                ttfa, dry = now - begun, now
            seconds = len(b64decode(message["audio"])) / 2 / RATE
            starved += max(0.0, now - dry)
            dry, audio = max(dry, now) + seconds, audio + seconds
        return Session(ttfa, engine.until - begun, starved, audio)
