"""Streaming vocoder: latents in as they are made, samples out, equal to coqui's decode of the whole utterance. In float32
within 1e-5; in half precision 55 dB below the signal, by the rounding of its convolutions.

A sample depends on 3.5 to 4.6 latents on each side. What depends on latents that have not come yet is held back, what may
still be needed of the past is kept, and each window is decoded for itself (`torch_generator.py`): no cross-fade,
no state in the network, nothing lost at the end.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from streaming.engine.devices import sent
from streaming.engine.kernels.crew import Crew
from streaming.engine.vocoder.latent_grid import Floats, LatentGrid
from streaming.engine.vocoder.stream_position import StreamPosition, Window
from streaming.engine.vocoder.torch_generator import Generator
from streaming.engine.vocoder.weights import FRAME_SCALES, SAMPLE_RATE, HifiganWeights, Interval

# coqui's bound: slower than this, speech would have no end.
SLOWEST = 0.05


class Network(Protocol):
    """Frames to samples: `torch_generator.Generator`, `compiled_generator.CompiledGenerator`."""

    def __call__(self, frames: Tensor, speaker_biases: Sequence[Tensor], emitted: Interval) -> Tensor:
        """See `torch_generator.Generator`."""


class VocoderStream:
    """One utterance. Made by `Vocoder.stream`; several of one vocoder may be interleaved in one thread."""

    def __init__(self, vocoder: "Vocoder", speaker_biases: Sequence[Tensor], grid: LatentGrid) -> None:
        self._vocoder = vocoder
        self._position = StreamPosition(grid, vocoder.context)
        self.speaker_biases = speaker_biases
        # The latents that may still be needed, in pieces as they came; the first of them is the stream's number `_first`.
        self._pieces: list[Tensor] = []
        self._first = 0

    @property
    def held(self) -> int:
        """How many latents are kept."""
        return self._position.count - self._first

    @torch.inference_mode()
    def push(self, latents: Tensor) -> None:
        """More latents (n, width), on any device. Raises ValueError after the last samples were decoded."""
        self._position.add(len(latents))
        if len(latents):
            # A copy: what comes may be a view of a buffer that the caller fills again.
            self._pieces.append(latents.to(self._vocoder.device, torch.float32, copy=True))

    def push_steps(self, latents: Sequence[Tensor | None]) -> None:
        """The latents (1, width) of some steps."""
        if latents:
            self.push(torch.cat([latent for latent in latents if latent is not None]))

    def samples_ready(self, look_ahead: float | None = None, last: bool = False) -> int:
        """How many samples `decode` would give. Costs no computation on the device."""
        window = self.window(look_ahead, last)
        return (window.stop - window.start) * self._vocoder.hop

    def decode(self, look_ahead: float | None = None, last: bool = False) -> Floats:
        """The samples, mono float32, that follow those already given:

        - as they are: all that no later latent can change, in whole frames (256 samples);
        - `look_ahead`, in latents: all but the last `look_ahead` latents' worth, decoded as if the stream ended here. They
          differ from the offline decode, the less the more is held back (at 2 latents 66 dB below the signal, from 3.7 on
          not at all), but later samples do not inherit it. Never fewer than without `look_ahead`;
        - `last`: all to the end. The stream has ended then.
        """
        return self._vocoder.decode_many([Due(self, look_ahead, last)])[0]

    def window(self, look_ahead: float | None = None, last: bool = False) -> Window:
        """What `decode` would decode; empty (start = stop) where there is nothing to give."""
        return self._position.window(look_ahead, last)

    def frames(self, window: Window) -> Tensor:
        """The frames (end - first, width) of a window."""
        grid, count = self._position.grid, self._position.count
        first, weights = grid.weights(window.first, window.end, count, at_once=window.at_once)
        latents = torch.cat(self._pieces)[first - self._first :][: weights.shape[1]]
        return sent(torch.from_numpy(weights), latents.device) @ latents

    def advance(self, window: Window, last: bool) -> None:
        """The window has been given: forget what only it needed."""
        self._position.advance(window, last)
        needed = self._position.first_needed
        if needed > self._first:
            kept = torch.cat(self._pieces)[needed - self._first :]
            self._pieces, self._first = ([kept.clone()] if len(kept) else []), needed


class Due(NamedTuple):
    """A stream to decode, and how; see `VocoderStream.decode`."""

    stream: VocoderStream
    look_ahead: float | None = None
    last: bool = False


class Vocoder:
    """XTTS's decoder for any number of streams. Not for several threads at once."""

    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        weights: HifiganWeights,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        *,
        crew: Crew | None = None,
        most_together: int | None = None,
        frame_step: int | None = None,
    ) -> None:
        """With a `crew`, a CPU in float32 runs a network compiled for it on the crew's threads, which is twice as fast as
        torch's; it rounds otherwise than torch (up to 6e-6 of full scale).

        Up to `most_together` windows of one shape are decoded as one batch. To make shapes few, windows within a stream are
        rounded up to a multiple of `frame_step` frames with zeros; the samples given are the same. By default a CPU takes
        each window by itself and as it is, which is faster there.
        """
        self.device = torch.device(device)
        self._weights = weights
        self.hop, self.context = weights.hop, weights.context
        self._dtype = dtype
        self._generator = _make_generator(self._weights, self.device, dtype, crew)
        is_cpu = self.device.type == "cpu"
        self._most_together = most_together or (1 if is_cpu else 32)
        self._frame_step = frame_step or (1 if is_cpu else 4)

    @torch.inference_mode()
    def stream(self, speaker: Tensor, speed: float = 1.0) -> VocoderStream:
        """A new utterance by `speaker`, an embedding (512,); `speed` above 1 shortens it."""
        biases = self._weights.speaker_biases(speaker.reshape(1, -1).to("cpu", torch.float32))
        grid = LatentGrid((1.0 / max(speed, SLOWEST), *FRAME_SCALES))
        return VocoderStream(self, [sent(bias.to(self._dtype), self.device) for bias in biases], grid)

    @torch.inference_mode()
    def decode_many(self, due: Sequence[Due]) -> list[Floats]:
        """What `decode` gives for each of several different streams; windows of one shape are decoded together."""
        windows = [stream.window(look_ahead, last) for stream, look_ahead, last in due]
        parts = [(row, part) for row, window in enumerate(windows) for part in window.parts(self.context)]
        decoded: dict[tuple[int, Window], Floats] = {}
        for batch in self._batches(parts):
            frames = torch.stack([self._frames(due[row].stream, window) for row, window in batch])
            biases = zip(*(due[row].stream.speaker_biases for row, _ in batch), strict=True)
            samples = self._generator(frames, [torch.cat(bias) for bias in biases], self._emitted(batch[0][1]))
            decoded.update(zip(batch, samples.cpu().numpy(), strict=True))
        results = [np.zeros(0, np.float32)] * len(due)
        for row, window in parts:
            # Where the window was rounded up there are more.
            wanted = decoded[row, window][: (window.stop - window.start) * self.hop]
            results[row] = np.concatenate([results[row], wanted])
        for (stream, _, last), window in zip(due, windows, strict=True):
            stream.advance(window, last)
        return results

    def _batches(self, parts: Sequence[tuple[int, Window]]) -> Iterator[list[tuple[int, Window]]]:
        """What is decoded together. Windows of one shape have as many frames before, within and behind what is emitted."""
        shapes: defaultdict[tuple[int, Interval], list[tuple[int, Window]]] = defaultdict(list)
        for row, window in parts:
            shapes[window.end - window.first + self._padding(window), self._emitted(window)].append((row, window))
        for rows in shapes.values():
            for index in range(0, len(rows), self._most_together):
                yield rows[index : index + self._most_together]

    def _padding(self, window: Window) -> int:
        """The frames by which a window is rounded up. At the end of a stream there is none: a zero is not nothing there."""
        is_within = window.end - window.stop == self.context
        return (window.start - window.stop) % self._frame_step if is_within else 0

    def _emitted(self, window: Window) -> Interval:
        return Interval(window.start - window.first, window.stop - window.first + self._padding(window))

    def _frames(self, stream: VocoderStream, window: Window) -> Tensor:
        return functional.pad(stream.frames(window), (0, 0, 0, self._padding(window)))


def _make_generator(weights: HifiganWeights, device: torch.device, dtype: torch.dtype, crew: Crew | None) -> Network:
    if crew and device.type == "cpu" and dtype == torch.float32:
        # Here, because it brings numba, which somebody may have no use for.
        from streaming.engine.vocoder.compiled_generator import CompiledGenerator, is_supported

        if is_supported(weights):
            return CompiledGenerator(weights, crew)
    return Generator(weights, device, dtype)
