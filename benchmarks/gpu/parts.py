"""What has to hold on a GPU. Each part takes a rig and says whether it holds, with the figures that it was judged by."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchmarks.gpu.rig import Rig, decibels, largest, plainly_decoded
from benchmarks.host_waits import counted
from benchmarks.in_process import EngineOptions, make_model, running
from benchmarks.listeners import Crowd, lines
from benchmarks.sequences import Spoken
from benchmarks.timed_engine import timed

HALVES = {"fp16": torch.float16, "bf16": torch.bfloat16}
# Latents have a spread of about 1, samples of 0.2; TF32 would be ten times as far off.
CLOSE = 1e-3
SAMPLES_CLOSE = 1e-4
DECIBELS = {"fp16": 40.0, "bf16": 24.0}
VOCODER_DECIBELS = {"fp16": 45.0, "bf16": 27.0}


@dataclass(slots=True)
class Verdict:
    """`figures`: what was measured; `failures`: a sentence for each that is not as it should be."""

    figures: dict[str, float | int | str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    # Why there was nothing to judge here.
    skipped: str = ""

    @property
    def word(self) -> str:
        return "not run" if self.skipped else "fails" if self.failures else "holds"

    @property
    def said(self) -> str:
        return self.skipped or "; ".join(self.failures)

    def at_most(self, name: str, value: float, most: float) -> None:
        self.figures[name] = value
        if not value <= most:
            self.failures.append(f"{name} is {value:.3g}, at most {most:.3g} was expected")

    def at_least(self, name: str, value: float, least: float) -> None:
        self.figures[name] = value
        if not value >= least:
            self.failures.append(f"{name} is {value:.3g}, at least {least:.3g} was expected")


def spoken_together(rig: Rig, dtype: torch.dtype, *, captured: bool = True, count: int = 4) -> list[Spoken]:
    """Sequences that say what they are given: their latents are comparable to the last step."""
    sequences = rig.sequences(count, steps=rig.steps)
    rig.batch(dtype, captured=captured).speak(sequences, rig.steps)
    return sequences


def all_latents(sequences: list[Spoken]) -> Tensor:
    return torch.stack([sequence.all_latents for sequence in sequences])


def graph(rig: Rig) -> Verdict:
    """Captured steps give what the same steps give one by one, in float32 and in half precision."""
    verdict = Verdict()
    eager, captured = (all_latents(spoken_together(rig, torch.float32, captured=flag)) for flag in (False, True))
    verdict.at_most("fp32 largest difference", largest(eager, captured), CLOSE)
    eager, captured = (all_latents(spoken_together(rig, torch.float16, captured=flag)) for flag in (False, True))
    verdict.at_least("fp16 dB", decibels(eager, captured), DECIBELS["fp16"])
    return verdict


def kernels(rig: Rig) -> Verdict:
    """Our kernels compute what PyTorch's operations do, steps and sound, in float32 and in half precision."""
    if not rig.has_kernels:
        return Verdict(skipped="our kernels are for GPUs")
    verdict = Verdict()
    for name, dtype in {"fp32": torch.float32, **HALVES}.items():
        plain, own = rig.sequences(4, steps=rig.steps), rig.sequences(4, steps=rig.steps)
        rig.plain_batch(dtype).speak(plain, rig.steps)
        rig.batch(dtype).speak(own, rig.steps)
        if name == "fp32":
            exact = all_latents(plain)
            verdict.at_most("fp32 largest difference", largest(exact, all_latents(own)), CLOSE)
        else:
            verdict.at_least(f"{name} plain dB", decibels(exact, all_latents(plain)), DECIBELS[name])
            verdict.at_least(f"{name} own dB", decibels(exact, all_latents(own)), DECIBELS[name])
    speaker = rig.weights.speakers[rig.voices[0]][1].flatten()
    plain_samples = plainly_decoded(rig.vocoder(torch.float32), exact[0], speaker)
    verdict.at_most("fp32 samples", largest(plain_samples, rig.decoded(exact[0], torch.float32)), SAMPLES_CLOSE)
    for captured in (False, True):
        half = rig.decoded(exact[0], torch.float16, captured=captured)
        verdict.at_least(
            f"fp16 samples dB, {'captured' if captured else 'eager'}",
            decibels(plain_samples, half),
            VOCODER_DECIBELS["fp16"],
        )
    return verdict


def precision(rig: Rig) -> Verdict:
    """Steps in half precision stay close to float32 to the end, and so does sound."""
    verdict = Verdict()
    exact = all_latents(spoken_together(rig, torch.float32))
    for name, dtype in HALVES.items():
        close = all_latents(spoken_together(rig, dtype))
        verdict.at_least(f"{name} latents dB", decibels(exact, close), DECIBELS[name])
        verdict.at_least(f"{name} last latents dB", decibels(exact[:, -5:], close[:, -5:]), DECIBELS[name] - 3)
    samples = rig.decoded(exact[0], torch.float32)
    speaker = rig.weights.speakers[rig.voices[0]][1].flatten()
    on_cpu = plainly_decoded(rig.vocoder(torch.float32, device=torch.device("cpu")), exact[0], speaker)
    verdict.at_most("fp32 samples against a CPU", largest(on_cpu, samples), SAMPLES_CLOSE)
    for name, dtype in HALVES.items():
        verdict.at_least(f"{name} samples dB", decibels(samples, rig.decoded(exact[0], dtype)), VOCODER_DECIBELS[name])
    return verdict


def batch(rig: Rig) -> Verdict:
    """A sequence among others gives what it gives alone: with our kernels to the last bit, in any precision."""
    verdict, count = Verdict(), 5
    for name, dtype in {"fp32": torch.float32, **HALVES}.items():
        together, alone = (rig.sequences(count, steps=rig.steps) for _ in range(2))
        rig.batch(dtype).speak(together, rig.steps)
        one_by_one = rig.batch(dtype)
        for sequence in alone:
            one_by_one.speak([sequence], rig.steps)
        difference = largest(all_latents(alone), all_latents(together))
        if rig.has_kernels or name == "fp32":
            verdict.at_most(f"{name} largest difference", difference, 0.0 if rig.has_kernels else CLOSE)
        else:
            verdict.at_least(f"{name} dB", decibels(all_latents(alone), all_latents(together)), DECIBELS[name])
    # As many as there are sizes of calls for: the rows of 40 sequences are read in a call of 512.
    together, alone = (rig.sequences(40 if rig.is_gpu else count) for _ in range(2))
    rig.batch(torch.float16 if rig.is_gpu else torch.float32, slots=len(together)).speak(together, rig.steps)
    one_by_one = rig.batch(torch.float16 if rig.is_gpu else torch.float32, slots=len(alone))
    for sequence in alone[:count]:
        one_by_one.speak([sequence], rig.steps)
    equal = sum(one.tokens == other.tokens for one, other in zip(alone[:count], together, strict=False))
    verdict.at_least("equal sequences of 5", equal, count)
    return verdict


def cuts(rig: Rig) -> Verdict:
    """With our kernels, audio has the same bits wherever it is cut, and whoever is decoded beside it."""
    if not rig.has_kernels:
        return Verdict(skipped="our kernels are for GPUs")
    verdict = Verdict()
    latents = spoken_together(rig, torch.float16)[0].all_latents
    for name, dtype in {"fp32": torch.float32, "fp16": torch.float16}.items():
        samples = rig.decoded(latents, dtype)
        for chunk in (1, 3, 7, len(latents)):
            verdict.at_most(f"{name}, chunks of {chunk}", largest(samples, rig.decoded(latents, dtype, chunk=chunk)), 0)
        verdict.at_most(f"{name}, beside 7 others", largest(samples, rig.decoded(latents, dtype, streams=8)), 0)
    return verdict


def seed(rig: Rig) -> Verdict:
    """The same seeds in the same batch give the same tokens, latents and samples, to the last bit; others do not."""
    verdict = Verdict()
    for name, dtype in {"fp32": torch.float32, **HALVES}.items():
        runs = [rig.sequences(4) for _ in range(2)]
        for sequences in runs:
            rig.batch(dtype).speak(sequences, rig.steps)
        first, again = (all_latents(sequences) for sequences in runs)
        verdict.at_most(f"{name} largest difference", largest(first, again), 0.0)
        sound = [rig.decoded(latents[0], dtype) for latents in (first, again)]
        verdict.at_most(f"{name} samples' largest difference", largest(*sound), 0.0)
        verdict.at_least(f"{name} different sequences", len({tuple(each.tokens) for each in runs[0]}), 4)
    return verdict


def waits(rig: Rig) -> Verdict:
    """A step has the host wait once, for its tokens; a prefill of a known voice, too."""
    if not rig.is_gpu:
        return Verdict(skipped="there is nothing to wait for on a CPU")
    verdict = Verdict()
    sequences, together = rig.sequences(2), rig.batch(torch.float16)
    # An engine has recorded all its calls when it begins, and this is the call that is counted below.
    for _ in range(2):
        together.begin(Spoken(2, rig.voices[0]))
    together.speak(sequences, 4)
    with counted() as waited:
        for _ in range(10):
            together.step(sequences)
    verdict.at_most("per step", waited.count / 10, 0.0 if rig.has_kernels else 1.0)
    with counted() as waited:
        together.begin(Spoken(2, rig.voices[0]))
    verdict.at_most("per beginning", waited.count, 0 if rig.has_kernels else 1)
    return verdict


def devices(rig: Rig) -> Verdict:
    """An engine speaks on a GPU whatever it is called."""
    verdict = Verdict()
    logging.getLogger("streaming.engine.xtts").setLevel(logging.ERROR)
    for name in ("auto", "cuda", "cuda:0") if rig.is_gpu else ("auto", "cpu"):
        engine = timed(make_model(EngineOptions(size=rig.size, voices=2, device=name, slots=2)))
        with running(engine):
            heard = Crowd(engine, lines(list(engine.model.speakers), 0)).burst(2)
        verdict.figures[f"{name} is"] = str(engine.model.device)
        verdict.at_least(f"{name} seconds of audio", heard.audio, 1.0)
        if heard.unfinished and rig.is_gpu:
            verdict.failures.append(f"{heard.unfinished} utterances on {name} were not finished")
        if heard.silent:
            verdict.failures.append(f"{heard.silent} utterances on {name} could not be heard")
    return verdict


def short(rig: Rig) -> Verdict:
    """A little of everything, for a tool that watches each access to memory."""
    sequences = rig.sequences(3)
    rig.batch(torch.float16, slots=4).speak(sequences, 5)
    samples = rig.decoded(sequences[0].all_latents, torch.float16)
    verdict = Verdict()
    verdict.at_least("samples", len(samples), 1000)
    return verdict


PARTS: dict[str, Callable[[Rig], Verdict]] = {
    "graph": graph,
    "kernels": kernels,
    "precision": precision,
    "batch": batch,
    "cuts": cuts,
    "seed": seed,
    "waits": waits,
    "devices": devices,
    "short": short,
}
