"""Samples to bytes and back."""

import numpy as np
import pytest

from streaming.audio.formats import FORMATS, PCM_RATES, Samples, decode_pcm16, encode_pcm16

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


def test_the_rates_that_clients_ask_for() -> None:
    assert PCM_RATES == (8000, 16000, 22050, 24000, 32000, 44100, 48000)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_format_is_registered_under_its_own_name(name: str) -> None:
    assert FORMATS[name].name == name


@pytest.mark.parametrize("rate", PCM_RATES)
def test_a_pcm_format_has_the_rate_that_it_is_named_for(rate: int) -> None:
    assert FORMATS[f"pcm_{rate}"].sample_rate == rate
    assert FORMATS[f"pcm_{rate}"].encode(samples(1.0)) == b"\xff\x7f"
