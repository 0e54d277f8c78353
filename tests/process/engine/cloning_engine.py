"""An engine that clones, for tests: what it says is a level of sound that only the same recordings give.

It runs in the engine's process like any other. Its folder is how a test watches and steers it: it notes there what it does,
and holds its work while there is a file "hold-speech" (all texts, or those that have in them what the file says) or
"hold-preparation", and its start while there is "hold-start".
"""

import hashlib
import io
import json
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from streaming.dispatch.engine_process import EngineSpec
from streaming.engine.contract import (
    EngineInfo,
    Failed,
    Finished,
    PcmChunk,
    Prepared,
    Sink,
    SpeechRequest,
    VoiceRef,
)

RATE = 16_000
BUILT_IN = "Ana Florence"
TOO_SHORT_BYTES = 50_000  # 1.1 seconds of the recordings of the tests
TOO_SHORT = "A recording is too short to speak with it."


def cloning_spec(folder: Path, fingerprint: str = "one") -> EngineSpec:
    return EngineSpec(f"{__name__}:CloningEngine", {"folder": str(folder), "fingerprint": fingerprint})


def conditioning_of(clips: Sequence[bytes], fingerprint: str = "one") -> bytes:
    return fingerprint.encode() + hashlib.sha256(b"".join(map(sound_of, clips))).digest()


def sound_of(clip: bytes) -> bytes:
    """The same for every kind of file with the same samples of 16 bits. What is no recording stands for itself."""
    try:
        samples, _ = soundfile.read(io.BytesIO(clip), dtype="float32")
    except soundfile.SoundFileError:
        return clip
    return bytes((samples * 32_768).astype("<i2").tobytes())


def level_of(conditioning: bytes) -> float:
    """The sound of a voice: from 0.1 to 0.9 of full scale."""
    return 0.1 + 0.8 * int.from_bytes(hashlib.sha256(conditioning).digest()[:2], "big") / 65_535


def noted(folder: Path, did: str) -> list[dict[str, Any]]:
    """What the engines of that folder did, in order. The last line may be half written."""
    journal = folder / "journal"
    lines = journal.read_text().rpartition("\n")[0].splitlines() if journal.exists() else []
    return [note for note in map(json.loads, lines) if note["did"] == did]


# Of a request, which a voice may have set.
OWN_SETTINGS = ("speed", "seed", "temperature", "top_k", "top_p", "repetition_penalty")


class CloningEngine:
    def __init__(self, folder: str, fingerprint: str) -> None:
        self._folder = Path(folder)
        self._fingerprint = fingerprint
        self._pool = ThreadPoolExecutor(16)
        self._stopped = threading.Event()
        self._cancelled: set[str] = set()
        languages = ("en", "de", "pt", "zh")
        self.info = EngineInfo("cloning", RATE, languages, clones=True, fingerprint=fingerprint, reads_ahead=True)

    def warm_up(self) -> None:
        while (self._folder / "hold-start").exists():
            time.sleep(0.01)

    def expect(self, request: SpeechRequest) -> None:
        self._note("expect", id=request.request_id, text=request.text)

    def expect_text(self, request_id: str, text: str) -> None:
        self._note("expect", id=request_id, text=text)

    def submit(self, request: SpeechRequest, sink: Sink) -> None:
        self._note("submit", id=request.request_id, text=request.text)
        self._pool.submit(self._speak, request, sink)

    def prepare(self, request_id: str, voice: VoiceRef, sink: Sink) -> None:
        self._pool.submit(self._prepare, request_id, voice, sink)

    def cancel(self, request_id: str) -> None:
        self._note("cancel", id=request_id)
        self._cancelled.add(request_id)

    def run(self) -> None:
        self._stopped.wait()

    def stop(self) -> None:
        self._stopped.set()

    def _prepare(self, request_id: str, voice: VoiceRef, sink: Sink) -> None:
        self._note("prepare", key=voice.key, clips=len(voice.clips))
        while (self._folder / "hold-preparation").exists():
            time.sleep(0.01)
        if any(len(sound_of(clip)) < TOO_SHORT_BYTES for clip in voice.clips):
            sink(Failed(request_id, TOO_SHORT))
        else:
            sink(Prepared(request_id, conditioning_of(voice.clips, self._fingerprint)))

    def _speak(self, request: SpeechRequest, sink: Sink) -> None:
        voice = request.voice
        self._note(
            "speak",
            language=request.language,
            speaker=voice.speaker,
            clips=len(voice.clips),
            text=request.text,
            **{name: getattr(request, name) for name in OWN_SETTINGS},
        )
        if not voice.conditioning and voice.speaker != BUILT_IN:
            sink(Failed(request.request_id, f"There is no speaker {voice.speaker!r}."))
            return
        while self._is_held(request.text) and request.request_id not in self._cancelled:
            time.sleep(0.01)
        level = level_of(voice.conditioning or voice.speaker.encode())
        samples = np.full(RATE // 5, level, dtype=np.float32)
        sink(PcmChunk(request.request_id, samples, text_end=len(request.text), last=True))
        sink(Finished(request.request_id, request.request_id in self._cancelled))

    def _is_held(self, text: str) -> bool:
        try:
            return (self._folder / "hold-speech").read_text() in text
        except FileNotFoundError:
            return False

    def _note(self, did: str, **facts: Any) -> None:
        line = json.dumps({"did": did, "pid": os.getpid(), **facts}) + "\n"
        with (self._folder / "journal").open("a") as journal:
            journal.write(line)
