"""From the engine's chunks to packets: frames joined, resampled once, cut into shards, encoded, aligned.

The audio core and the protocol core meet here. No I/O, no clock.
"""

from collections.abc import Iterator

import numpy as np

from streaming.audio.encoder import Encoder, Samples, joined
from streaming.audio.packets import FrameJoiner, shards
from streaming.audio.resample import Resampler
from streaming.protocol.alignment import Aligner, Untimed
from streaming.protocol.packet import Packet
from streaming.protocol.speaking_rate import Tempo
from streaming.text.rewriting import Rewriting


class Delivery:
    """One utterance on its way out. `push` its chunks in order, the last one with last=True.

    Every sample leaves once: the packets' audio is `encode(resample(all chunks))`, whatever the chunking. `encoder` is the
    stream's, and goes from utterance to utterance. `pause` seconds of silence follow the utterance and belong to it. With
    `flush`, enough silence follows that no decoder holds a sound back. Without it, the next utterance or the end of the
    stream brings out the rest, and the last packet may have an empty payload. Without `is_timed`, packets have no alignment.

    `tempo`: how fast the text is probably spoken. `begin`: samples of the stream before this utterance, at the encoder's
    rate. The times of packets and characters are those of the decoded stream, to which a codec may add silence at its
    beginning; the stream's first character is heard from there on.
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
        tempo: Tempo | None = None,
        begin: int = 0,
        is_timed: bool = True,
    ) -> None:
        self._source_rate = source_rate
        self._encoder = encoder
        self._rate = encoder.sample_rate
        self._joiner = joiner
        self._most = max(1, self._rate * max_packet_ms // 1000)
        self._pause = round(pause * self._rate)
        self._flush = flush
        self._resampler = Resampler(source_rate, self._rate)
        self._begin = begin
        self._origin = begin + encoder.delay
        aligner = Aligner if is_timed else Untimed
        self._aligner = aligner(text, tempo or Tempo(), self._time(0) if begin else 0.0)
        # With a text, one sample is kept for the end, so that there is always a packet for the last character.
        self._keep_back = 1 if text.segments else 0
        self._held: Samples = np.zeros(0, dtype=np.float32)
        self._received = 0  # samples at source_rate
        self._encoded = 0  # samples at the encoder's rate
        self._sent = 0  # those that are in a packet

    @property
    def end(self) -> int:
        """Samples of the stream up to here, with those of this utterance that are encoded."""
        return self._begin + self._encoded

    def push(
        self, samples: Samples, *, text_end: int | None = None, piece_end: int | None = None, last: bool = False
    ) -> Iterator[Packet]:
        """The packets that `samples` (mono float32 at the source rate) completes, each encoded when it is asked for: take
        them all before the next push. `text_end`, `piece_end`: see `PcmChunk`."""
        self._received += len(samples)
        speech = shards(self._ready(samples, last=last), most=self._most)
        if not last:
            # In whole output samples, so that it is never later than the end that `finish` is given.
            self._aligner.extend(self._time(self._received * self._rate // self._source_rate), text_end, piece_end)
            return self._packets(speech)
        silence = shards(self._silence(sum(map(len, speech))), most=self._most)
        self._finish_alignment(speech, silence, piece_end)
        return self._packets(speech + silence, last_spoken=max(0, len(speech) - 1))

    def finish(self) -> Iterator[Packet]:
        """The rest, where the source ended without a last chunk."""
        return self.push(np.zeros(0, dtype=np.float32), last=True)

    def _ready(self, samples: Samples, *, last: bool) -> Samples:
        """What can go out now, at the output's rate."""
        frames = [self._joiner.push(samples), self._joiner.flush() if last else None]
        converted = [self._resampler.push(frame) for frame in frames if frame is not None]
        if last:
            return joined([self._held, *converted, self._resampler.finish()])
        ready = joined([self._held, *converted])
        keep = max(0, len(ready) - self._keep_back)
        ready, self._held = ready[:keep], ready[keep:]
        return ready

    def _silence(self, speech: int) -> Samples:
        """What follows the last `speech` samples."""
        ahead = speech + self._pause
        is_empty = self._encoded + ahead == 0
        tail = self._encoder.tail(ahead) if self._flush and not is_empty else 0
        return np.zeros(self._pause + tail, dtype=np.float32)

    def _finish_alignment(self, speech: list[Samples], silence: list[Samples], piece_end: int | None) -> None:
        spoken = self._encoded + sum(map(len, speech))
        self._aligner.finish(
            self._time(spoken),
            piece_end=piece_end,
            last_packet_start=self._time(spoken - (len(speech[-1]) if speech else 0)),
            end=self._time(spoken + sum(map(len, silence))),
        )

    def _packets(self, parts: list[Samples], *, last_spoken: int | None = None) -> Iterator[Packet]:
        """`last_spoken`: which part has the utterance's last sound. Parts without bytes go with the next."""
        payloads = self._encoder.encode_all(parts)
        for index, (part, payload) in enumerate(zip(parts, payloads, strict=True)):
            self._encoded += len(part)
            if payload:
                yield self._packet(payload, last=last_spoken is not None and index >= last_spoken)
        if last_spoken is not None and self._sent < self._encoded:
            yield self._packet(b"", last=True)

    def _packet(self, payload: bytes, *, last: bool) -> Packet:
        first, self._sent = self._sent, self._encoded
        start, end = self._time(first), self._time(self._sent)
        alignments = self._aligner.take(start, end, last=last)
        return Packet(payload, (self._sent - first) / self._rate, start, *alignments)

    def _time(self, samples: int) -> float:
        """Seconds of the decoded stream at which so many samples of this utterance are over."""
        return (self._origin + samples) / self._rate


def end_of_stream(encoder: Encoder) -> list[Packet]:
    """The last packet of a stream, if its encoder still has bytes. They contain no speech."""
    rest = encoder.finish()
    return [Packet(rest)] if rest else []
