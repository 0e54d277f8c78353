"""Compressed streams: they decode to what PCM would have been, hold back what they say, and care for no cutting."""

import io
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.audio.codecs import Codec, CodecEncoder
from streaming.audio.formats import CONTAINER_FORMATS, HTTP_FORMATS, OutputFormat
from streaming.audio.pcm import encode_pcm16
from tests.pure.audio.decoding import (
    by_name,
    decoded,
    encoded,
    is_a_table_of_frames,
    least_likeness,
    likeness,
    mp3_bit_rate,
    mp3_frames,
    mp3_sample_rate,
    priming,
    voice,
)

EVERY_FORMAT = [*HTTP_FORMATS.values(), *CONTAINER_FORMATS.values()]
COMPRESSED = [output for output in EVERY_FORMAT if isinstance(output.new_encoder(), CodecEncoder)]
# Formats that differ in nothing but their bit rate share an encoder's code.
ONE_OF_EACH = list({(type(output.new_encoder()), output.sample_rate): output for output in EVERY_FORMAT}.values())
# FLAC comes out at its end: no silence brings it out before.
CONTINUOUS = [output for output in EVERY_FORMAT if output.name != "flac"]
CONTINUOUS_CODECS = [output for output in CONTINUOUS if output in COMPRESSED]
MP3 = [output for output in COMPRESSED if output.media_type == "audio/mpeg"]
OPUS = [output for output in COMPRESSED if output.media_type == "audio/ogg"]


@pytest.mark.parametrize("output", EVERY_FORMAT, ids=by_name)
def test_a_stream_is_heard_as_the_samples_that_went_in(output: OutputFormat) -> None:
    samples = voice(output.sample_rate, 1.5)
    heard = decoded(encoded(output.new_encoder(), samples), output)[priming(output) :]
    assert likeness(heard[: len(samples)], samples) > least_likeness(output)


@pytest.mark.parametrize("output", COMPRESSED, ids=by_name)
def test_no_sample_is_moved(output: OutputFormat) -> None:
    samples = voice(output.sample_rate, 1.5)
    heard = decoded(encoded(output.new_encoder(), samples), output)[priming(output) :]
    near, length = (-1, 0, 1), len(samples) - 2
    for part in (slice(0, length // 2), slice(length // 2, length)):
        alike = [likeness(heard[1 + moved :][part], samples[1:][part]) for moved in near]
        assert max(alike) == alike[1]


@pytest.mark.parametrize("output", COMPRESSED, ids=by_name)
def test_what_is_too_loud_is_clipped(output: OutputFormat) -> None:
    samples = voice(output.sample_rate, 0.5) * 8
    heard = decoded(encoded(output.new_encoder(), samples), output)[priming(output) :]
    assert likeness(heard[: len(samples)], np.clip(samples, -1, 1)) > 12


@cache
def one_shot(output: OutputFormat) -> bytes:
    return encoded(output.new_encoder(), voice(output.sample_rate, 0.2))


@pytest.mark.parametrize("output", ONE_OF_EACH, ids=by_name)
@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, 9000), max_size=8).map(sorted))
def test_the_bytes_are_the_same_for_any_cutting(output: OutputFormat, cuts: list[int]) -> None:
    samples = voice(output.sample_rate, 0.2)
    parts = [samples[start:end] for start, end in pairwise([0, *cuts, len(samples)])]
    assert encoded(output.new_encoder(), *parts) == one_shot(output)


@pytest.mark.parametrize("output", CONTINUOUS, ids=by_name)
@pytest.mark.parametrize("length", [479, 1152, 2880, 5000])
def test_with_its_tail_of_silence_everything_is_out(output: OutputFormat, length: int) -> None:
    encoder = output.new_encoder()
    samples, silence = voice(output.sample_rate, 1)[:length], np.zeros(encoder.tail(length), dtype=np.float32)
    heard = decoded(encoder.encode(samples) + encoder.encode(silence), output)[priming(output) :]
    assert likeness(heard[:length], samples) > (10 if length < 1000 else least_likeness(output) - 6)


@pytest.mark.parametrize("output", CONTINUOUS_CODECS, ids=by_name)
@pytest.mark.parametrize("length", [1, 480, 1152, 5000])
def test_the_last_of_the_silence_completes_bytes(output: OutputFormat, length: int) -> None:
    encoder = output.new_encoder()
    encoder.encode(voice(output.sample_rate, 1)[:length])
    silence = np.zeros(encoder.tail(0), dtype=np.float32)
    encoder.encode(silence[:-1])
    assert encoder.encode(silence[-1:]) != b""


@pytest.mark.parametrize("output", COMPRESSED, ids=by_name)
def test_the_tail_of_what_is_to_come_is_the_tail_when_it_has_come(output: OutputFormat) -> None:
    encoder = output.new_encoder()
    before = encoder.tail(1000)
    encoder.encode(voice(output.sample_rate, 1)[:1000])
    assert encoder.tail(0) == before


@pytest.mark.parametrize("output", COMPRESSED, ids=by_name)
def test_a_single_sample_is_a_stream(output: OutputFormat) -> None:
    stream = encoded(output.new_encoder(), voice(output.sample_rate, 1)[:1])
    assert len(decoded(stream, output)) > priming(output)


@pytest.mark.parametrize("output", MP3, ids=by_name)
def test_mp3_is_frames_and_nothing_else(output: OutputFormat) -> None:
    """No ID3 tag, and no frame that only tells of the others: players of streams stumble over both."""
    frames = list(mp3_frames(encoded(output.new_encoder(), voice(output.sample_rate, 1))))
    assert {mp3_sample_rate(frame) for frame in frames} == {output.sample_rate}
    assert not any(map(is_a_table_of_frames, frames))


@pytest.mark.parametrize("output", [*MP3, *OPUS], ids=by_name)
def test_the_bit_rate_is_constant_and_the_one_that_is_named(output: OutputFormat) -> None:
    named = {"mp3": 128, "opus": 64, "mp3_44100": 128}.get(output.name) or int(output.name.split("_")[-1])
    stream = encoded(output.new_encoder(), voice(output.sample_rate, 1))
    if output in MP3:
        assert {mp3_bit_rate(frame) for frame in mp3_frames(stream)} == {1000 * named}
    else:
        # Packets of 20 ms, each on a page of its own, behind the two pages of the header. A page tells the number of its
        # segments, then their lengths.
        packets = [page[23 + page[22] :] for page in stream.split(b"OggS")[3:]]
        assert {len(packet) for packet in packets} == {named * 20 // 8}


@pytest.mark.parametrize("output", OPUS, ids=by_name)
@pytest.mark.parametrize("length", [1, 647, 648, 649, 960, 9600, 9601])
def test_ogg_opus_tells_its_length_to_the_sample(output: OutputFormat, length: int) -> None:
    stream = encoded(output.new_encoder(), voice(48000, 1)[:length])
    assert len(decoded(stream, output)) == length
    with soundfile.SoundFile(io.BytesIO(stream)) as file:  # libogg checks every page's checksum
        assert len(file.read()) == length


def test_flac_is_exact_to_the_bit() -> None:
    samples, flac = voice(24000, 1), CONTAINER_FORMATS["flac"]
    heard = decoded(encoded(flac.new_encoder(), samples), flac)
    assert encode_pcm16(heard) == encode_pcm16(samples)


def test_a_codec_that_is_not_for_sound_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="mpeg4 is no audio codec"):
        CodecEncoder(Codec("mpeg4", "yuv420p"), 24_000)
