"""From the engine's chunks to packets: frames joined, resampled once, cut into shards, encoded, aligned.

The audio core and the protocol core meet here. No I/O, no clock.
"""

from collections.abc import Iterator

import numpy as np

from streaming.audio.encoder import Encoder, Samples
from streaming.audio.packets import FrameJoiner, shards
from streaming.audio.resample import Resampler
from streaming.protocol.alignment import Aligner
from streaming.protocol.packet import Alignment, Packet
from streaming.text.rewriting import Rewriting


class Delivery:
    """One utterance on its way out. `push` its chunks in order, the last one with last=True.

    Every sample leaves once: the packets' audio is `encode(resample(all chunks))`, whatever the chunking. `encoder` is the
    stream's, and goes from utterance to utterance. `pause` seconds of silence follow the utterance and belong to it. With
    `flush`, enough silence follows that no decoder holds a sound back. Without it, the next utterance or the end of the
    stream brings out the rest, and the last packet may have an empty payload.
    """

    def __init__(
        self,
        *,
        text: Rewriting,
        source_rate: int,
        encoder: Encoder,
        joiner: FrameJoiner,
        max_packet_ms: int,
        pause: float = 0.0,
        flush: bool = True,
    ) -> None:
        self._source_rate = source_rate
        self._encoder = encoder
        self._rate = encoder.sample_rate
        self._joiner = joiner
        self._most = max(1, self._rate * max_packet_ms // 1000)
        self._pause = round(pause * self._rate)
        self._flush = flush
        self._resampler = Resampler(source_rate, self._rate)
        self._aligners = _Aligners(text)
        # With a text, one sample is kept for the end, so that there is always a packet for the last character.
        self._keep_back = 1 if text.segments else 0
        self._held: Samples = np.zeros(0, dtype=np.float32)
        self._received = 0  # samples at source_rate
        self._encoded = 0  # samples at the encoder's rate
        self._sent = 0  # those that are in a packet

    def push(self, samples: Samples, *, text_end: int | None = None, last: bool = False) -> Iterator[Packet]:
        """The packets that `samples` (mono float32 at the source rate) completes, each encoded when it is asked for: take
        them all before the next push. `text_end`: how far into the spoken text this chunk speaks, if the engine knows."""
        self._received += len(samples)
        speech = shards(self._ready(samples, last=last), most=self._most)
        if not last:
            # In whole output samples, so that it is never later than the end that `finish` is given.
            self._aligners.extend(self._received * self._rate // self._source_rate / self._rate, text_end)
            return self._packets(speech)
        silence = shards(self._silence(sum(map(len, speech))), most=self._most)
        self._finish_alignment(speech, silence)
        return self._packets(speech + silence, last_spoken=max(0, len(speech) - 1))

    def finish(self) -> Iterator[Packet]:
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

    def _silence(self, speech: int) -> Samples:
        """What follows the last `speech` samples."""
        ahead = speech + self._pause
        is_empty = self._encoded + ahead == 0
        tail = self._encoder.tail(ahead) if self._flush and not is_empty else 0
        return np.zeros(self._pause + tail, dtype=np.float32)

    def _finish_alignment(self, speech: list[Samples], silence: list[Samples]) -> None:
        spoken = self._encoded + sum(map(len, speech))
        self._aligners.finish(
            spoken / self._rate,
            last_packet_start=(spoken - (len(speech[-1]) if speech else 0)) / self._rate,
            end=(spoken + sum(map(len, silence))) / self._rate,
        )

    def _packets(self, parts: list[Samples], *, last_spoken: int | None = None) -> Iterator[Packet]:
        """`last_spoken`: which part has the utterance's last sound. Parts without bytes go with the next."""
        for index, part in enumerate(parts):
            payload = self._encoder.encode(part)
            self._encoded += len(part)
            if payload:
                yield self._packet(payload, last=last_spoken is not None and index >= last_spoken)
        if last_spoken is not None and self._sent < self._encoded:
            yield self._packet(b"", last=True)

    def _packet(self, payload: bytes, *, last: bool) -> Packet:
        start, self._sent = self._sent, self._encoded
        alignments = self._aligners.take(start / self._rate, self._sent / self._rate, last=last)
        return Packet(payload, (self._sent - start) / self._rate, start / self._rate, *alignments)


def end_of_stream(encoder: Encoder) -> list[Packet]:
    """The last packet of a stream, if its encoder still has bytes. They contain no speech."""
    rest = encoder.finish()
    return [Packet(rest)] if rest else []


class _Aligners:
    """The spans of an utterance's characters: as the client wrote them, and as they are spoken. If both texts are the same,
    one aligner serves both."""

    def __init__(self, text: Rewriting) -> None:
        self._text = text
        self._spoken = Aligner(text.spoken)
        self._original = None if text.original == text.spoken else Aligner(text.original)

    def extend(self, until: float, text_end: int | None) -> None:
        self._spoken.extend(until, text_end)
        if self._original:
            self._original.extend(until, self._text.original_end(self._spoken.assigned))

    def finish(self, until: float, *, last_packet_start: float, end: float) -> None:
        for aligner in filter(None, (self._spoken, self._original)):
            aligner.finish(until, last_packet_start=last_packet_start, end=end)

    def take(self, start: float, end: float, *, last: bool) -> tuple[Alignment | None, Alignment | None]:
        """A packet's alignment and its normalized alignment."""
        normalized = self._spoken.take(start, end, last=last)
        return (self._original.take(start, end, last=last) if self._original else normalized), normalized
