"""A response that is saved to a file is a file: programs that expect one open it, though WAV was sent before its length was
known.
"""

import io
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from streaming.audio.flac import FlacEncoder
from streaming.audio.formats import CONTAINER_FORMATS, HTTP_FORMATS, OutputFormat
from streaming.audio.pcm import encode_pcm16
from tests.pure.audio.decoding import by_name, decoded, encoded, voice

WAV = [output for output in [*HTTP_FORMATS.values(), *CONTAINER_FORMATS.values()] if output.media_type == "audio/wav"]
FLAC = CONTAINER_FORMATS["flac"]
LOSSLESS = [*WAV, FLAC]
# What libsndfile reads.
FILES = [
    output
    for output in [*HTTP_FORMATS.values(), *CONTAINER_FORMATS.values()]
    if output.media_type in ("audio/wav", "audio/flac", "audio/mpeg", "audio/ogg")
]


@pytest.mark.parametrize("output", LOSSLESS, ids=by_name)
@pytest.mark.parametrize("length", [1, 2304, 30_000])
def test_libsndfile_reads_all_of_it(output: OutputFormat, length: int, tmp_path: Path) -> None:
    samples = voice(output.sample_rate, 4)[:length]
    stream = encoded(output.new_encoder(), *np.array_split(samples, 7))
    (tmp_path / "speech").write_bytes(stream)
    for file in (tmp_path / "speech", io.BytesIO(stream)):
        read, rate = soundfile.read(file, dtype="int16")
        assert (rate, read.astype("<i2").tobytes()) == (output.sample_rate, encode_pcm16(samples))


@pytest.mark.parametrize("output", LOSSLESS, ids=by_name)
def test_libsndfile_reads_it_in_blocks_and_from_the_middle(output: OutputFormat) -> None:
    stream = encoded(output.new_encoder(), voice(output.sample_rate, 1))
    assert sum(map(len, soundfile.blocks(io.BytesIO(stream), 1000))) == output.sample_rate
    assert len(soundfile.read(io.BytesIO(stream), start=1000)[0]) == output.sample_rate - 1000
    assert soundfile.info(io.BytesIO(stream)).duration == 1


@pytest.mark.parametrize("output", WAV, ids=by_name)
def test_the_standard_library_reads_wav(output: OutputFormat) -> None:
    samples = voice(output.sample_rate, 1)
    with wave.open(io.BytesIO(encoded(output.new_encoder(), samples)), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (output.sample_rate, 1, 2)
        assert file.readframes(file.getnframes()) == encode_pcm16(samples)


@pytest.mark.parametrize("output", WAV, ids=by_name)
def test_no_length_in_a_wav_header_is_a_negative_number_to_anybody(output: OutputFormat) -> None:
    header = output.silence(0.1)[:44]
    assert (header[:4], header[8:12], header[36:40]) == (b"RIFF", b"WAVE", b"data")
    whole, data = (int.from_bytes(header[at : at + 4], "little", signed=True) for at in (4, 40))
    assert whole == data + 36
    assert data == 0x7FFFF000  # sox reads to the end of the file without a warning


@pytest.mark.parametrize("output", FILES, ids=by_name)
def test_silence_is_a_file_as_well(output: OutputFormat) -> None:
    read, rate = soundfile.read(io.BytesIO(output.silence(0.1)))
    assert 0.1 * rate <= len(read) < 0.3 * rate
    assert np.abs(read).max() < 0.001


def test_flac_comes_whole_with_its_length_and_its_checksum() -> None:
    samples, encoder = voice(24_000, 2), FLAC.new_encoder()
    assert encoder.encode(samples) == b""
    stream = encoder.finish()
    assert soundfile.info(io.BytesIO(stream)).frames == 48_000
    # RFC 9639, 8.2: the MD5 of the samples, which decoders compare.
    assert stream[26:42] != bytes(16)
    assert decoded(stream, FLAC).shape == (48_000,)


def test_flac_that_is_too_long_to_be_held_begins_to_come_out() -> None:
    encoder, samples = FlacEncoder(24_000, most_held=20_000), voice(24_000, 4)
    parts = [encoder.encode(part) for part in np.array_split(samples, 40)]
    parts.append(encoder.finish())
    first = next(index for index, part in enumerate(parts) if part)
    assert 0 < first < 39
    assert all(len(part) < 20_000 for part in parts[first + 1 :])
    assert encode_pcm16(decoded(b"".join(parts), FLAC)) == encode_pcm16(samples)
