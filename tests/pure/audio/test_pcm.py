"""Samples to bytes and back."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile

from streaming.audio.encoder import Samples
from streaming.audio.pcm import SampleEncoder, decode_pcm16, encode_alaw, encode_pcm16, encode_ulaw, wav_header

EVERY_VALUE = np.arange(-32768, 32768).astype("<i2").tobytes()


def samples(*values: float) -> Samples:
    return np.array(values, dtype=np.float32)


def test_every_value_of_16_bits_survives_the_round_trip() -> None:
    assert encode_pcm16(decode_pcm16(EVERY_VALUE)) == EVERY_VALUE


def test_samples_are_little_endian_and_headerless() -> None:
    assert encode_pcm16(samples(0.0, 0.25, 1.0)) == b"\x00\x00\x00\x20\xff\x7f"


def test_samples_are_rounded_not_cut_off() -> None:
    assert encode_pcm16(samples(0.6 / 32768, -0.6 / 32768)) == b"\x01\x00\xff\xff"


def test_silence_is_silence() -> None:
    assert encode_pcm16(samples(0.0, -0.0)) == bytes(4)


@pytest.mark.parametrize("loud", [1.0001, 2.0, 1e30, float("inf")])
def test_what_is_too_loud_is_clipped(loud: float) -> None:
    loudest, softest = np.frombuffer(encode_pcm16(samples(loud, -loud)), dtype="<i2").tolist()
    assert loudest == 32767
    assert softest in (-32767, -32768)


def test_no_samples_are_no_bytes() -> None:
    assert encode_pcm16(samples()) == b""
    assert len(decode_pcm16(b"")) == 0


def test_decoded_samples_are_mono_float32_within_full_scale() -> None:
    decoded = decode_pcm16(EVERY_VALUE)
    assert (decoded.dtype.name, decoded.ndim) == ("float32", 1)
    assert (decoded.min(), decoded[32768]) == (-1.0, 0.0)
    assert 0.9999 < decoded.max() <= 1.0


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x00\x00"])
def test_half_a_sample_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        decode_pcm16(data)


@pytest.mark.parametrize(
    ("encode", "codes"),
    # Of 0, -1, the loudest of either sign, and 1000: from the tables of ITU-T G.711.
    [(encode_ulaw, "ff 7f 80 00 ce"), (encode_alaw, "d5 55 aa 2a fa")],
)
def test_the_telephone_codes_are_those_of_the_standard(encode: Callable[[Samples], bytes], codes: str) -> None:
    assert encode(samples(0, -1 / 32768, 32767 / 32768, -1, 1000 / 32768)).hex(" ") == codes


@pytest.mark.parametrize(("encode", "subtype"), [(encode_ulaw, "ULAW"), (encode_alaw, "ALAW")])
def test_a_telephone_code_is_within_half_a_step_of_its_sample(encode: Callable[[Samples], bytes], subtype: str) -> None:
    wanted = decode_pcm16(EVERY_VALUE)
    decoded = heard(encode(wanted), subtype)
    # A step is at most a 16th of the sample (with mu-law's bias of 132), and 16 of the 16-bit values at the quietest.
    most = np.maximum((np.abs(wanted) + 132 / 32768) / 32, 8 / 32768)
    assert (np.abs(decoded - wanted) <= most).all()


@pytest.mark.parametrize(("encode", "subtype"), [(encode_ulaw, "ULAW"), (encode_alaw, "ALAW")])
def test_a_decoded_telephone_code_is_encoded_as_itself(encode: Callable[[Samples], bytes], subtype: str) -> None:
    codes = bytes(range(256))
    again = encode(heard(codes, subtype))
    # mu-law has two zeros.
    assert [code for code in codes if again[code] != code] in ([], [0x7F])


def heard(codes: bytes, subtype: str) -> Samples:
    """What libsndfile hears in a raw stream."""
    decoded, _ = soundfile.read(
        io.BytesIO(codes), format="RAW", subtype=subtype, samplerate=8000, channels=1, dtype="float32"
    )
    return np.asarray(decoded, dtype=np.float32)


def test_a_stream_of_samples_holds_nothing_back() -> None:
    encoder = SampleEncoder(8000, encode_pcm16)
    assert [encoder.encode(samples(1.0)), encoder.encode(samples()), encoder.finish()] == [b"\xff\x7f", b"", b""]
    assert encoder.tail(100) == 0


def test_a_header_comes_once_with_the_first_samples() -> None:
    encoder = SampleEncoder(8000, encode_pcm16, header=b"head")
    assert [encoder.encode(part) for part in (samples(), samples(0.0), samples(0.0))] == [b"", b"head\0\0", b"\0\0"]


def test_a_wav_stream_of_unknown_length_can_be_read() -> None:
    encoder = SampleEncoder(24000, encode_pcm16, header=wav_header(24000))
    stream = encoder.encode(decode_pcm16(EVERY_VALUE)) + encoder.finish()
    with soundfile.SoundFile(io.BytesIO(stream)) as file:
        assert (file.samplerate, file.channels, file.subtype) == (24000, 1, "PCM_16")
        assert encode_pcm16(file.read(dtype="float32")) == EVERY_VALUE
