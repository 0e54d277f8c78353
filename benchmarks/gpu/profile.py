"""What a step, a prefill and a decode take, and which kernels a step is made of."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity
from torch.profiler import profile as profiler

from benchmarks.gpu.parts import Verdict
from benchmarks.gpu.rig import Rig
from benchmarks.sequences import Batch, Spoken
from streaming.engine.gpt.cuda_graphs import CudaCapture
from streaming.engine.vocoder.vocoder import Due

REPEATS_ON_A_GPU, REPEATS_ON_A_CPU = 20, 3
STEP_ROWS = (1, 8, 64, 256)
DECODE_ROWS = (1, 8, 32)
KERNELS_SHOWN = 25


def times(rig: Rig, folder: Path) -> Verdict:
    """Medians in ms, and in `folder` the kernels of a step as a table."""
    verdict = Verdict()
    rows = STEP_ROWS if rig.is_gpu else STEP_ROWS[:2]
    batch = rig.batch(torch.float16 if rig.is_gpu else torch.float32, slots=max(rows))
    for count in rows:
        sequences = [Spoken(slot, rig.voices[slot % len(rig.voices)]) for slot in range(count)]
        batch.speak(sequences, 3)
        verdict.figures[f"step of {count}, ms"] = _median(rig, partial(batch.bare_step, sequences))
        if count == 8:
            _write_kernels(rig, batch, sequences, folder)
    verdict.figures["prefill, ms"] = _median(rig, lambda: batch.begin(Spoken(0, rig.voices[0])))
    if rig.has_kernels:
        newcomers = [Spoken(slot, rig.voices[slot % len(rig.voices)]) for slot in range(64)]
        verdict.figures["prefill of 64, ms"] = _median(rig, lambda: batch.speak([_anew(one) for one in newcomers], 1))
    for count in DECODE_ROWS if rig.is_gpu else DECODE_ROWS[:2]:
        verdict.figures[f"decode of {count} x 10 latents, ms"] = _decode_time(rig, count)
    if rig.is_gpu:
        verdict.figures["peak GPU MB"] = round(torch.cuda.max_memory_allocated(rig.device) / 2**20)
    return verdict


def _median(rig: Rig, work: Callable[[], object]) -> float:
    took = []
    for _ in range(REPEATS_ON_A_GPU if rig.is_gpu else REPEATS_ON_A_CPU):
        begun = time.perf_counter()
        work()
        if rig.is_gpu:
            torch.cuda.synchronize(rig.device)
        took.append(1000 * (time.perf_counter() - begun))
    return statistics.median(took)


def _decode_time(rig: Rig, count: int) -> float:
    if rig.has_kernels:
        return _own_decode_time(rig, count)
    vocoder = rig.vocoder(torch.float16 if rig.is_gpu else torch.float32)
    streams = [vocoder.stream(torch.nn.functional.normalize(torch.randn(512), dim=0)) for _ in range(count)]

    def decode() -> None:
        for stream in streams:
            stream.push(torch.randn(10, rig.width, device=rig.device))
        vocoder.decode_many([Due(stream) for stream in streams])

    decode()
    return _median(rig, decode)


def _own_decode_time(rig: Rig, count: int) -> float:
    from streaming.engine.gpu.vocoder import GpuVocoder, StoredDue

    vocoder = GpuVocoder(
        rig.weights.vocoder, rig.store(count), rig.device, torch.float16, CudaCapture(rig.device), slots=count
    )
    streams = [vocoder.stream(slot, rig.weights.speakers[rig.voices[0]][1].flatten()) for slot in range(count)]

    def decode() -> None:
        for stream in streams:
            stream.push_steps([None] * 10)
        vocoder.start([StoredDue(stream) for stream in streams]).read()

    decode()
    decode()
    return _median(rig, decode)


def _anew(sequence: Spoken) -> Spoken:
    return Spoken(sequence.slot, sequence.voice)


def _write_kernels(rig: Rig, batch: Batch, sequences: list[Spoken], folder: Path) -> None:
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if rig.is_gpu else [])]
    with profiler(activities=activities, acc_events=True) as profiled:
        batch.bare_step(sequences)
        if rig.is_gpu:
            torch.cuda.synchronize(rig.device)
    averages: Any = profiled.key_averages()
    by = "self_device_time_total" if rig.is_gpu else "self_cpu_time_total"
    text = averages.table(sort_by=by, row_limit=KERNELS_SHOWN)
    (folder / "step_of_8.txt").write_text(text, encoding="utf-8")
