"""How long an engine process leaves a question of its heartbeat unanswered, and how long its steps last, while it has as
much to do as it can have: all slots speak long texts, voices are prepared meanwhile, and other programs want the same cores.

    .venv/bin/python benchmarks/beats.py --checkpoint FOLDER

The engine is asked ten times a second, and is never taken for dead here. In the settings, a process that does not answer for
`service.engine_heartbeat_seconds` is replaced, and so is one whose step lasts for `service.engine_step_seconds`.
"""

import argparse
import asyncio
import io
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import soundfile

from benchmarks.heard import percentile
from benchmarks.provenance import provenance
from streaming.dispatch import heartbeat
from streaming.dispatch.engine_process import EngineSpec
from streaming.dispatch.executor import Executor
from streaming.dispatch.heartbeat import Condition
from streaming.engine.contract import SpeechRequest, VoiceRef

BEAT_SECONDS = 0.1
now = time.monotonic
RATE, CLIP_SECONDS = 24_000, 20
TEXT = (
    "The weather is fine today, and the children are playing in the garden, while their parents sit in the shade of the old "
    "tree and talk about the journey that they made together last summer."
)


class RecordedPulse(heartbeat.Pulse):
    """Of the one process of this program: how long it took for each answer, and the longest step."""

    answers: list[float] = []  # noqa: RUF012 - there is one process
    longest_step = 0.0
    asked_at: float | None = None

    @property
    def beat_seconds(self) -> float:
        return BEAT_SECONDS

    def heard(self, step_seconds: float = 0.0) -> None:
        if self.asked_at is not None and not self._is_loading:
            self.answers.append(now() - self.asked_at)
        self.asked_at = None
        RecordedPulse.longest_step = max(self.longest_step, step_seconds)
        super().heard(step_seconds)

    def beat(self) -> Condition:
        self.asked_at = self.asked_at or now()
        return Condition.ALIVE


def recording(number: int) -> bytes:
    """No two sound alike."""
    times = np.arange(RATE * CLIP_SECONDS) / RATE
    sound = 0.3 * np.sin(2 * np.pi * (110 + number) * times) * (1 + 0.5 * np.sin(2 * np.pi * 3 * times))
    file = io.BytesIO()
    soundfile.write(file, sound.astype(np.float32), RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


class Load:
    """What the engine has to do. `audio`: seconds that were spoken; `voices`: how many were prepared."""

    def __init__(self, executor: Executor, speaker: str, seconds: float) -> None:
        self._executor = executor
        self._voice = VoiceRef(speaker=speaker)
        self._seconds = seconds
        self.audio = 0.0
        self.voices = 0

    async def run(self, streams: int, preparing: int) -> None:
        """What is not ready when the time is over is given up: a preparation may take minutes then."""
        work = [self._speak(number) for number in range(streams)] + [self._prepare(n) for n in range(preparing)]
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*work), self._seconds)

    async def _speak(self, number: int) -> None:
        seed = number
        while True:
            seed += 1000
            request = SpeechRequest(f"stream {seed}", TEXT, self._voice, "en", seed=seed)
            async for chunk in self._executor.speak(request):
                self.audio += len(chunk.samples) / RATE

    async def _prepare(self, number: int) -> None:
        while True:
            number += 100
            await self._executor.prepare(VoiceRef(f"voice {number}", (recording(number),)))
            self.voices += 1


@contextmanager
def other_programs(count: int) -> Iterator[None]:
    """Each keeps a core busy, and ends with this one, however this one ends."""
    busy = f"import os\nwhile os.getppid() == {os.getpid()}: pass"
    programs = [subprocess.Popen([sys.executable, "-c", busy]) for _ in range(count)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


async def wait_until_ready(executor: Executor) -> None:
    """Raises RuntimeError for an engine that cannot be loaded; the executor would start it again and again."""
    ready = asyncio.ensure_future(executor.ready())
    while not ready.done():
        if executor.status.restarts:
            ready.cancel()
            raise RuntimeError(f"The engine cannot be loaded: {executor.status.error}")
        await asyncio.wait([ready], timeout=0.1)


async def measure(executor: Executor, speaker: str, options: argparse.Namespace) -> dict[str, Any]:
    executor.start()
    try:
        await wait_until_ready(executor)
        RecordedPulse.answers.clear()
        RecordedPulse.longest_step = 0.0
        load = Load(executor, speaker, options.seconds)
        print(f"The engine is ready and will be measured for {options.seconds:g} s.", file=sys.stderr)
        with other_programs(options.programs):
            await load.run(options.streams, options.preparing)
    finally:
        await asyncio.to_thread(executor.stop)
    answers = RecordedPulse.answers
    return {
        "answers": len(answers),
        "p50": percentile(answers, 0.5),
        "p99": percentile(answers, 0.99),
        "longest": max(answers),
        "longest_step": RecordedPulse.longest_step,
        "audio": load.audio,
        "voices": load.voices,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--checkpoint", type=Path, help="an XTTS v2 folder with built-in speakers, instead of random weights")
    add("--size", choices=("tiny", "small", "full"), default="full", help="of the checkpoint with random weights")
    add("--streams", type=int, default=8)
    add("--preparing", type=int, default=2, help="how many voices are prepared at a time")
    add("--programs", type=int, default=2, help="how many other programs want the cores")
    add("--threads", type=int, default=2)
    add("--seconds", type=float, default=120.0)
    options = parser.parse_args()
    import torch

    from streaming.engine.checkpoint.random_checkpoint import write_random_checkpoint

    heartbeat.Pulse = RecordedPulse  # type: ignore[misc]
    with tempfile.TemporaryDirectory(prefix="xtts-beats-") as folder:
        checkpoint = options.checkpoint or Path(folder) / "checkpoint"
        if not options.checkpoint:
            write_random_checkpoint(checkpoint, options.size)
        speaker = next(iter(torch.load(checkpoint / "speakers_xtts.pth", weights_only=True)))
        model = {"checkpoint_path": str(checkpoint), "device": "cpu", "threads": options.threads}
        spec = EngineSpec("xtts", model | {"slots": options.streams})
        executor = Executor(
            [spec], max_running=options.streams, max_waiting=2 * options.streams, silence_limit=math.inf
        )
        print(json.dumps(provenance(), default=str))
        print(json.dumps(asyncio.run(measure(executor, speaker, options)), indent=2))


if __name__ == "__main__":
    main()
