"""The two that are compared, as seen from an event loop: ours behind the server's executor, coqui-tts behind a lock."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from benchmarks.heard import Heard
from benchmarks.provenance import PROJECT_DIR, peak_megabytes
from streaming.dispatch.engine_process import EngineSpec
from streaming.dispatch.executor import Executor
from streaming.engine.contract import SpeechRequest, VoiceRef

# Enough for two gigabytes of weights on a busy machine.
LOAD_SECONDS = 300.0
# Tokens per chunk and samples of overlap: coqui-tts's defaults, and the setting that we are compared with.
COQUI_DEFAULT = (20, 1024)
COQUI_CHUNK_10 = (10, 512)


@dataclass(frozen=True)
class Job:
    """One utterance of `tokens` audio tokens. `keep`: a path without its ending, for latents and samples."""

    text: str
    tokens: int
    seed: int = 0
    keep: Path | None = None


class Contender(Protocol):
    @property
    def label(self) -> str: ...

    async def speak(self, jobs: Sequence[Job]) -> list[Heard]:
        """All at once; times count from the call."""


class Ours:
    """Use as `async with`: the engine's process is there within. Times are those of the event loop that asked."""

    label = "ours"

    def __init__(self, options: dict[str, Any], *, speaker: str, folder: Path) -> None:
        spec = EngineSpec("benchmarks.measured_engine:MeasuredEngine", {**options, "folder": str(folder)})
        self._executor = Executor(spec, max_running=int(options["slots"]), max_waiting=0)
        self._voice = VoiceRef(speaker=speaker)
        self._count = 0

    async def __aenter__(self) -> Self:
        self._executor.start()
        try:
            await self._wait_until_ready()
        except BaseException:
            await asyncio.to_thread(self._executor.stop)
            raise
        return self

    async def _wait_until_ready(self) -> None:
        """Raises RuntimeError for an engine that cannot be loaded; the executor would start it again and again."""
        ready = asyncio.ensure_future(self._executor.ready())
        async with asyncio.timeout(LOAD_SECONDS):
            while not ready.done():
                if error := self._executor.status.error:
                    ready.cancel()
                    raise RuntimeError(f"Our engine cannot be loaded: {error}")
                await asyncio.wait([ready], timeout=0.1)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._executor.stop)

    @property
    def peak_megabytes(self) -> float:
        pid = self._executor.engine_pid
        return peak_megabytes(pid) if pid else 0.0

    async def speak(self, jobs: Sequence[Job]) -> list[Heard]:
        return await asyncio.gather(*(self._speak_one(job) for job in jobs))

    async def _speak_one(self, job: Job) -> Heard:
        clock = asyncio.get_running_loop().time
        self._count += 1
        name = job.keep.name if job.keep else f"run{self._count}"
        request = SpeechRequest(f"{name}:{job.tokens}", job.text, self._voice, seed=job.seed)
        begun = clock()
        times, pieces = [], []
        async for chunk in self._executor.speak(request):
            times.append(clock() - begun)
            pieces.append(chunk.samples)
        if job.keep:
            np.save(f"{job.keep}.samples.npy", np.concatenate(pieces))
        return Heard.of([(at, len(piece)) for at, piece in zip(times, pieces, strict=True)])


class CoquiProcess:
    """Use as `async with`."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._turn = asyncio.Lock()
        self.speaker = ""

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "ignore", "-m", "benchmarks.coqui_process", json.dumps(self._options)),
            cwd=PROJECT_DIR,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**20,
        )
        async with asyncio.timeout(LOAD_SECONDS):
            self.speaker = (await self._answer())["speaker"]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    @property
    def peak_megabytes(self) -> float:
        return peak_megabytes(self._process.pid)

    async def ask(self, **command: Any) -> dict[str, Any]:
        """One command at a time, first come, first served: it has no other way to stay correct."""
        async with self._turn:
            assert self._process.stdin
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            return await self._answer()

    async def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("The process of coqui-tts has ended; its reason is above.")
        return dict(json.loads(line))


class Coqui:
    """coqui-tts with one chunk size and overlap."""

    def __init__(self, process: CoquiProcess, setting: tuple[int, int]) -> None:
        self._process = process
        self._chunk, self._overlap = setting
        self.label = f"coqui-tts, chunk {self._chunk}"

    async def speak(self, jobs: Sequence[Job]) -> list[Heard]:
        clock = asyncio.get_running_loop().time
        begun = clock()
        heard = []
        for job in jobs:
            waited = clock() - begun
            keep = str(job.keep) if job.keep else None
            answer = await self._process.ask(
                do="stream",
                **{"text": job.text, "tokens": job.tokens, "seed": job.seed, "keep": keep},
                **{"chunk": self._chunk, "overlap": self._overlap},
            )
            heard.append(Heard.of([(waited + at, samples) for at, samples in answer["chunks"]]))
        return heard
