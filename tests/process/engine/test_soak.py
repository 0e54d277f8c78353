"""Many requests, most of them cancelled at some moment: each has its last word, no slot stays taken, memory does not grow.

`SOAK_REQUESTS=5000 pytest tests/process/engine/test_soak.py` for a long run.
"""

import gc
import os
import random
from itertools import pairwise
from pathlib import Path

import pytest

from streaming.engine.contract import Failed, Finished, SpeechRequest, VoiceRef
from streaming.engine.stepped_engine import SteppedEngine
from tests.process.engine.xtts import HELLO, MIRA, TOMAS, Listener, audio, speak, with_stop_bias, xtts

REQUESTS = int(os.environ.get("SOAK_REQUESTS", "120"))
SLOTS = 4
WARM_REQUESTS = 40
ROUNDS = 4
# Of what the warm engine has, in a round.
MOST_GROWTH = 0.005
VOICES = (MIRA, TOMAS, VoiceRef(speaker="Nobody"))


def crowd(seed: int, count: int) -> list[SpeechRequest]:
    pick = random.Random(seed)
    return [
        SpeechRequest(
            f"{seed}-{number}",
            pick.choice(["Hi.", "Go on.", "...", HELLO, HELLO * 20]),
            pick.choices(VOICES, [8, 8, 1])[0],
            language=pick.choices(["en", "de", "tlh"], [8, 8, 1])[0],
            speed=pick.choice([1.0, 1.0, 1.3]),
            seed=number,
            stream_chunk_size=pick.choice([1, 3, 10, 20]),
        )
        for number in range(count)
    ]


def visit(engine: SteppedEngine, seed: int, count: int) -> int:
    """Submits a crowd and cancels most of it; returns how many were cancelled."""
    pick, listener, cancelled = random.Random(seed), Listener(), 0
    requests = crowd(seed, count)
    for request in requests:
        engine.submit(request, listener.hear)
    for request in requests:
        action = pick.choice(["cancel", "cancel", "cancel after the first chunk", "hear out"])
        if action == "cancel after the first chunk":
            listener.first(request.request_id)
        if action != "hear out":
            engine.cancel(request.request_id)
        *_, last = listener.of(request.request_id)
        assert isinstance(last, Finished | Failed)
        cancelled += isinstance(last, Finished) and last.cancelled
    return cancelled


def resident_bytes() -> int:
    gc.collect()
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read as Linux tells it")
def test_nothing_is_lost_and_nothing_grows(small_checkpoint: Path, tmp_path: Path) -> None:
    hasty = with_stop_bias(small_checkpoint, tmp_path / "hasty", 11.0)
    with xtts(hasty, precision="int8", slots=SLOTS, threads=1) as engine:
        visit(engine, seed=0, count=WARM_REQUESTS)
        resident, cancelled = [resident_bytes()], 0
        for seed in range(1, ROUNDS + 1):
            cancelled += visit(engine, seed, REQUESTS // ROUNDS)
            resident.append(resident_bytes())
        # As many at once as there are slots, and no waiting: everything that was taken has been given back.
        together = speak(engine, *(SpeechRequest(str(seed), "Hi.", MIRA, seed=seed) for seed in range(SLOTS)))
        assert engine._scheduler.is_idle
    # How many end before their cancelling comes is the machine's business; there have to be many of either kind.
    assert REQUESTS // 20 < cancelled < REQUESTS - REQUESTS // 20
    assert all(len(audio(events)) > 0 for events in together)
    # What is never given back makes a process grow in every round, and an allocator in one or the other.
    assert min(after - before for before, after in pairwise(resident)) < MOST_GROWTH * resident[0]
