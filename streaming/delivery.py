"""From the engine's chunks to packets: frames joined, resampled once, cut into shards, encoded, aligned.

This is where the audio and the protocol cores meet; it does no I/O and reads no clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from streaming.audio.formats import OutputFormat, Samples
from streaming.audio.packets import FrameJoiner, shards
from streaming.audio.resample import Resampler
from streaming.protocol.alignment import Aligner
from streaming.protocol.messages import Alignment


@dataclass(frozen=True, slots=True)
class Packet:
    """One audio message: encoded audio, its length in seconds, the characters that begin in it."""

    payload: bytes
    seconds: float
    alignment: Alignment | None


class Delivery:
    """One utterance on its way out. `push` its chunks in order, the last one with last=True.

    Every sample leaves once: the packets' audio is `encode(resample(all chunks))`, whatever the chunking.
    """

    def __init__(
        self, *, text: str, source_rate: int, output: OutputFormat, joiner: FrameJoiner, max_packet_ms: int
    ) -> None:
        self._source_rate = source_rate
        self._output = output
        self._joiner = joiner
        self._most = max(1, output.sample_rate * max_packet_ms // 1000)
        self._resampler = Resampler(source_rate, output.sample_rate)
        self._aligner = Aligner(text)
        # With a text, one sample waits for the end, so that the end always has a packet for the last character.
        self._keep_back = 1 if text else 0
        self._held: Samples = np.zeros(0, dtype=np.float32)
        self._received = 0  # samples at source_rate
        self._delivered = 0  # samples at output.sample_rate

    def push(self, samples: Samples, *, text_end: int | None = None, last: bool = False) -> list[Packet]:
        """The packets that `samples` (mono float32 at the source rate) completes. `text_end`: how far into the text this
        chunk speaks, if the engine knows."""
        self._received += len(samples)
        parts = shards(self._ready(samples, last=last), most=self._most)
        self._align(parts, text_end, last=last)
        return list(self._packets(parts, last=last))

    def finish(self) -> list[Packet]:
        """The rest, where the source ended without a last chunk."""
        return self.push(np.zeros(0, dtype=np.float32), last=True)

    def _ready(self, samples: Samples, *, last: bool) -> Samples:
        """What can go out now, at the output's rate."""
        frames = [self._joiner.push(samples), self._joiner.flush() if last else None]
        converted = [self._resampler.push(frame) for frame in frames if frame is not None]
        if last:
            return np.concatenate([self._held, *converted, self._resampler.finish()])
        ready = np.concatenate([self._held, *converted])
        keep = max(0, len(ready) - self._keep_back)
        ready, self._held = ready[:keep], ready[keep:]
        return ready

    def _align(self, parts: list[Samples], text_end: int | None, *, last: bool) -> None:
        rate = self._output.sample_rate
        if not last:
            # In whole output samples, so that it can never lie behind the end that `finish` is told.
            self._aligner.extend(self._received * rate // self._source_rate / rate, text_end)
            return
        end = self._delivered + sum(map(len, parts))
        last_part = len(parts[-1]) if parts else 0
        self._aligner.finish(end / rate, last_packet_start=(end - last_part) / rate)

    def _packets(self, parts: list[Samples], *, last: bool) -> Iterator[Packet]:
        rate = self._output.sample_rate
        for index, part in enumerate(parts):
            start, self._delivered = self._delivered, self._delivered + len(part)
            is_last = last and index == len(parts) - 1
            alignment = self._aligner.take(start / rate, self._delivered / rate, last=is_last)
            yield Packet(self._output.encode(part), len(part) / rate, alignment)
