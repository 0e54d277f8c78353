"""The vocoder of a GPU: windows of fixed shapes, recorded once, on a stream of their own beside the decoder's.

The latents stay on the GPU (`latent_store.py`). A window whose stream begins or ends in it is filled up with zeros, and its
true ends are told to the generator, so that few shapes do for all.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from streaming.engine.gpt.cuda_graphs import Capture
from streaming.engine.gpu.convolution_kernels import interpolate
from streaming.engine.gpu.frame_table import TERMS, FrameTable, frame_table
from streaming.engine.gpu.generator import WindowGenerator
from streaming.engine.gpu.latent_store import LatentStore
from streaming.engine.gpu.transfer import Array, Fetched, Mark, send
from streaming.engine.vocoder.latent_grid import Floats
from streaming.engine.vocoder.stream_position import StreamPosition, Window
from streaming.engine.vocoder.weights import SAMPLE_RATE, HifiganWeights

# Frames that the windows of one call give, and how many windows it has.
FRAMES = (8, 16, 24, 32, 48, 64, 96, 128)
WINDOWS = (1, 2, 4, 8, 16, 32)


class StoredStream:
    """One sequence's speech. Made by `GpuVocoder.stream`."""

    def __init__(self, slot: int, first_row: int, table: FrameTable, context: int) -> None:
        """`first_row`: the row of its first latent in the store."""
        self.slot = slot
        self.position = StreamPosition(table.grid, context)
        self._first_row, self._table = first_row, table

    def push_steps(self, latents: Sequence[Tensor | None]) -> None:
        """So many more latents are in the store."""
        self.position.add(len(latents))

    def frames(self, window: Window, begins: Array, weights: Array) -> None:
        """Fill in from which row of the store on, and how, the window's frames are summed up: begins (n,), weights (n,
        TERMS)."""
        count = window.end - window.first
        sums = self._table.sums(window.first, window.end, self.position.count, at_once=window.at_once)
        begins[:count] = self._first_row + sums.begins
        weights[:count] = sums.weights


class StoredDue(NamedTuple):
    """A stream to decode, and how; see `VocoderStream.decode`."""

    stream: StoredStream
    look_ahead: float | None = None
    last: bool = False


class _Part(NamedTuple):
    """A window, of the stream that is number `row` of those due."""

    row: int
    window: Window


class _Call(NamedTuple):
    """What a recorded call reads, and its result."""

    slots: Tensor  # (windows,)
    begins: Tensor  # (windows, n)
    weights: Tensor  # (windows, n, TERMS)
    bounds: Tensor  # (windows, 2)
    samples: Tensor  # (windows, frames * hop)
    repeat: Callable[[], object]


class Decoding:
    """Samples on their way, of several streams."""

    def __init__(self, count: int, hop: int) -> None:
        self._count, self._hop = count, hop
        self._fetched: list[tuple[list[_Part], Fetched]] = []

    def add(self, parts: list[_Part], samples: Fetched) -> None:
        self._fetched.append((parts, samples))

    @property
    def is_there(self) -> bool:
        return all(samples.is_there for _, samples in self._fetched)

    def read(self) -> list[Floats]:
        """The samples of each stream that was due. Waits for them if need be."""
        pieces: list[list[tuple[int, Floats]]] = [[] for _ in range(self._count)]
        for parts, fetched in self._fetched:
            samples = fetched.read()
            for part, row in zip(parts, samples, strict=False):
                window = part.window
                pieces[part.row].append((window.start, row[: (window.stop - window.start) * self._hop]))
        none = np.zeros(0, np.float32)
        return [np.concatenate([none, *(piece for _, piece in sorted(row, key=_start))]) for row in pieces]


def _start(piece: tuple[int, Floats]) -> int:
    return piece[0]


class GpuVocoder:
    """XTTS's decoder for the sequences of a `LatentStore`. For one thread."""

    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        weights: HifiganWeights,
        store: LatentStore,
        device: torch.device,
        dtype: torch.dtype,
        capture: Capture,
        *,
        slots: int,
    ) -> None:
        self._weights, self._store, self._device, self._dtype = weights, store, device, dtype
        self._capture = capture
        self.hop, self.context = weights.hop, weights.context
        self._generator = WindowGenerator(weights, device, dtype)
        self._bias_sizes = [len(bias) for _, bias in weights.speaker_terms]
        self._biases = torch.zeros(slots + 1, sum(self._bias_sizes), device=device)
        self._spare = slots
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self._calls: dict[tuple[int, int], _Call] = {}

    @torch.inference_mode()
    def stream(self, slot: int, speaker: Tensor, speed: float = 1.0) -> StoredStream:
        """The sequence that has just begun in `slot`, by `speaker`, an embedding (512,); `speed` above 1 shortens it."""
        biases = self._weights.speaker_biases(speaker.reshape(1, -1).to("cpu", torch.float32))
        send(torch.cat(biases, 1).numpy(), self._biases[slot : slot + 1])
        return StoredStream(slot, self._store.first(slot), frame_table(speed), self.context)

    @torch.inference_mode()
    def start(self, due: Sequence[StoredDue]) -> Decoding:
        """Begin to decode what is due of each of several different streams."""
        windows = [stream.position.window(look_ahead, last) for stream, look_ahead, last in due]
        decoding = Decoding(len(due), self.hop)
        before = Mark(self._device)
        with torch.cuda.stream(self._stream) if self._stream else nullcontext():
            # The latents have to be there.
            before.hold_back(self._device)
            for frames, parts in self._batches(windows):
                decoding.add(parts, Fetched(self._run(frames, parts, due)[: len(parts)]))
        for (stream, _, last), window in zip(due, windows, strict=True):
            stream.position.advance(window, last)
        return decoding

    def warm_up(self) -> None:
        """Record every call that can come."""
        for windows in reversed(WINDOWS):
            for frames in reversed(FRAMES):
                self._call(windows, frames)

    def stop(self) -> None:
        self._calls.clear()

    def _batches(self, windows: Sequence[Window]) -> Iterator[tuple[int, list[_Part]]]:
        """What is decoded together: windows that fit into one number of frames."""
        parts: defaultdict[int, list[_Part]] = defaultdict(list)
        for row, window in enumerate(windows):
            for part in window.parts(self.context, FRAMES[-1]):
                parts[_enough(FRAMES, part.stop - part.start)].append(_Part(row, part))
        for frames, together in parts.items():
            for index in range(0, len(together), WINDOWS[-1]):
                yield frames, together[index : index + WINDOWS[-1]]

    def _run(self, frames: int, parts: Sequence[_Part], due: Sequence[StoredDue]) -> Tensor:
        call = self._call(_enough(WINDOWS, len(parts)), frames)
        count = frames + 2 * self.context
        size = len(call.slots)
        slots = np.full(size, self._spare, np.int64)
        begins = np.zeros((size, count), np.int64)
        weights = np.zeros((size, count, TERMS), np.float32)
        bounds = np.zeros((size, 2), np.int32)
        for number, (row, window) in enumerate(parts):
            stream = due[row].stream
            slots[number] = stream.slot
            # Frame `start` comes after the context, whether there are so many before it or not.
            first = self.context - (window.start - window.first)
            bounds[number] = first, first + window.end - window.first
            stream.frames(window, begins[number, first:], weights[number, first:])
        send(slots, call.slots)
        send(begins, call.begins)
        send(weights, call.weights)
        send(bounds, call.bounds)
        call.repeat()
        return call.samples

    def _call(self, windows: int, frames: int) -> _Call:
        if (windows, frames) not in self._calls:
            count, device = frames + 2 * self.context, self._device
            slots = torch.full((windows,), self._spare, device=device)
            begins = torch.zeros(windows, count, device=device, dtype=torch.int64)
            weights = torch.zeros(windows, count, TERMS, device=device)
            bounds = torch.zeros(windows, 2, device=device, dtype=torch.int32)
            samples, repeat = self._capture(lambda: self._work(slots, begins, weights, bounds))
            self._calls[windows, frames] = _Call(slots, begins, weights, bounds, samples, repeat)
        return self._calls[windows, frames]

    def _work(self, slots: Tensor, begins: Tensor, weights: Tensor, bounds: Tensor) -> Tensor:
        width = self._store.latents.shape[1]
        frames = torch.empty(*begins.shape, width, device=self._device, dtype=self._dtype)
        interpolate(self._store.latents, begins, weights, frames)
        biases = torch.split(self._biases[slots], self._bias_sizes, dim=1)
        return self._generator(frames, biases, bounds)


def _enough(sizes: Sequence[int], needed: int) -> int:
    """The smallest of `sizes`, in ascending order, that is at least `needed`."""
    return next(size for size in sizes if size >= needed)
