"""Utterances in one compressed stream: all of them are heard, each when it is spoken, as they would be in PCM."""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.audio.codecs import CodecEncoder
from streaming.audio.encoder import Encoder, Samples
from streaming.audio.formats import CONTAINER_FORMATS, FORMATS, OutputFormat
from streaming.audio.packets import FrameJoiner
from streaming.audio.resample import Resampler
from streaming.protocol.packet import Alignment, Packet
from streaming.speech.delivery import Delivery, end_of_stream
from streaming.text.rewriting import Rewriting
from tests.pure.audio.decoding import by_name, decoded, least_likeness, likeness, priming, voice

SOURCE_RATE = 24000
UTTERANCES = [voice(SOURCE_RATE, seconds, pitch=pitch) for seconds, pitch in ((0.7, 120), (0.313, 190), (0.55, 90))]
TEXT = "Hello, world."
COMPRESSED = [output for output in FORMATS.values() if isinstance(output.new_encoder(), CodecEncoder)]
FILES = [output for output in CONTAINER_FORMATS.values() if isinstance(output.new_encoder(), CodecEncoder)]

# Formats that differ in nothing but their bit rate share an encoder's code.
ONE_OF_EACH = list({(type(output.new_encoder()), output.sample_rate): output for output in COMPRESSED + FILES}.values())


def deliver(
    encoder: Encoder, samples: Samples, *, cuts: tuple[int, ...] = (), flush: bool = True, pause: float = 0.0
) -> list[Packet]:
    delivery = Delivery(
        text=Rewriting.unchanged(TEXT),
        source_rate=SOURCE_RATE,
        encoder=encoder,
        joiner=FrameJoiner(()),
        max_packet_ms=60,
        flush=flush,
        pause=pause,
    )
    packets, edges = list[Packet](), [0, *cuts]
    for start, end in pairwise(edges):
        packets += delivery.push(samples[start:end])
    return [*packets, *delivery.push(samples[edges[-1] :], last=True)]


def payload(packets: list[Packet]) -> bytes:
    return b"".join(packet.payload for packet in packets)


def length(packets: list[Packet], rate: int) -> int:
    """In samples, the silence included."""
    return sum(round(packet.seconds * rate) for packet in packets)


def resampled(samples: Samples, rate: int) -> Samples:
    resampler = Resampler(SOURCE_RATE, rate)
    return np.concatenate([resampler.push(samples), resampler.finish()])


def padded(samples: Samples, length: int) -> Samples:
    return np.concatenate([samples, np.zeros(length - len(samples), dtype=np.float32)])


def milliseconds(alignments: list[Alignment | None]) -> int:
    return sum(sum(alignment.durations_ms) for alignment in alignments if alignment)


@dataclass(frozen=True)
class Spoken:
    """What a client got: the packets of each utterance, and what it should hear of them."""

    packets: list[list[Packet]]
    wanted: list[Samples]
    rest: list[Packet]


@cache
def speak(output: OutputFormat, *, flush: bool) -> Spoken:
    encoder = output.new_encoder()
    packets = [deliver(encoder, samples, flush=flush) for samples in UTTERANCES]
    wanted = [
        padded(resampled(samples, output.sample_rate), length(parts, output.sample_rate))
        for samples, parts in zip(UTTERANCES, packets, strict=True)
    ]
    return Spoken(packets, wanted, end_of_stream(encoder))


@pytest.mark.parametrize("output", [*COMPRESSED, *FILES], ids=by_name)
@pytest.mark.parametrize("flush", [True, False])
def test_utterances_in_one_stream_are_heard_as_in_pcm(output: OutputFormat, flush: bool) -> None:
    spoken = speak(output, flush=flush)
    heard = decoded(b"".join(map(payload, [*spoken.packets, spoken.rest])), output)[priming(output) :]
    at = 0
    for wanted in spoken.wanted:
        assert likeness(heard[at : at + len(wanted)], wanted) > least_likeness(output) - 2
        at += len(wanted)


@pytest.mark.parametrize("output", COMPRESSED, ids=by_name)
def test_the_last_sound_of_an_utterance_does_not_wait_for_the_next(output: OutputFormat) -> None:
    spoken, stream, at = speak(output, flush=True), b"", 0
    for samples, packets, wanted in zip(UTTERANCES, spoken.packets, spoken.wanted, strict=True):
        stream += payload(packets)
        heard = decoded(stream, output)[priming(output) :]
        end = len(resampled(samples, output.sample_rate))
        last = slice(end - output.sample_rate // 10, end)
        assert likeness(heard[at:][last], wanted[last]) > least_likeness(output) - 6
        at += len(wanted)


@pytest.mark.parametrize("output", COMPRESSED, ids=by_name)
def test_every_packet_of_a_flushed_utterance_has_bytes(output: OutputFormat) -> None:
    assert all(packet.payload for packets in speak(output, flush=True).packets for packet in packets)


@pytest.mark.parametrize("output", COMPRESSED, ids=by_name)
def test_packets_say_where_they_begin_and_how_long_they_are(output: OutputFormat) -> None:
    """In the decoded stream, which begins with the decoder's silence."""
    for packets in speak(output, flush=True).packets:
        begin = priming(output) / output.sample_rate
        ends = [begin, *(packet.start + packet.seconds for packet in packets)]
        assert [packet.start for packet in packets] == pytest.approx(ends[:-1])


@pytest.mark.parametrize("output", COMPRESSED, ids=by_name)
@pytest.mark.parametrize("pause", [0.0, 0.5])
def test_the_alignment_is_as_long_as_the_audio_with_its_silences(output: OutputFormat, pause: float) -> None:
    packets = deliver(output.new_encoder(), UTTERANCES[0], cuts=(5000, 10_000), pause=pause)
    alignments = [packet.alignment for packet in packets]
    assert "".join(char for alignment in alignments if alignment for char in alignment.chars) == TEXT
    rate = output.sample_rate
    heard = priming(output) + length(packets, rate)
    assert milliseconds(alignments) == round(heard / rate * 1000) > 1000 * (0.7 + pause)


@pytest.mark.parametrize("output", COMPRESSED, ids=by_name)
def test_without_a_flush_no_silence_comes_between(output: OutputFormat) -> None:
    for samples, packets in zip(UTTERANCES, speak(output, flush=False).packets, strict=True):
        assert length(packets, output.sample_rate) == len(resampled(samples, output.sample_rate))
        assert all(packet.payload for packet in packets[:-1])


@pytest.mark.parametrize("output", COMPRESSED, ids=by_name)
def test_the_first_packet_waits_for_no_more_than_the_delay(output: OutputFormat) -> None:
    """What docs/protocol.md states; test_docs.py compares the encoder's tails with that."""
    encoder = output.new_encoder()
    delay = max(encoder.tail(place) for place in range(1, 4000))
    packets = deliver(encoder, UTTERANCES[0])
    # To the shard of 60 ms in which it ends.
    assert packets[0].seconds * output.sample_rate <= delay + 0.06 * output.sample_rate


@cache
def in_one_chunk(output: OutputFormat) -> bytes:
    encoder = output.new_encoder()
    return payload([*deliver(encoder, UTTERANCES[1]), *end_of_stream(encoder)])


@pytest.mark.parametrize("output", ONE_OF_EACH, ids=by_name)
@settings(max_examples=10)
@given(cuts=st.lists(st.integers(0, len(UTTERANCES[1])), max_size=6).map(sorted).map(tuple))
def test_a_stream_is_the_same_for_any_chunks(output: OutputFormat, cuts: tuple[int, ...]) -> None:
    encoder = output.new_encoder()
    assert payload([*deliver(encoder, UTTERANCES[1], cuts=cuts), *end_of_stream(encoder)]) == in_one_chunk(output)
