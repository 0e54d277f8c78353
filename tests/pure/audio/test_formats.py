"""What there is to choose from, and what is promised of every format."""

import numpy as np
import pytest

from streaming.audio.formats import CONTAINER_FORMATS, FORMATS, HTTP_FORMATS, PCM_RATES, OutputFormat

EVERY_FORMAT = [*HTTP_FORMATS.values(), *CONTAINER_FORMATS.values()]


def test_the_pcm_rates_that_clients_ask_for() -> None:
    assert PCM_RATES == (8000, 16000, 22050, 24000, 32000, 44100, 48000)


@pytest.mark.parametrize("formats", [FORMATS, HTTP_FORMATS, CONTAINER_FORMATS])
def test_a_format_is_registered_under_its_own_name(formats: dict[str, OutputFormat]) -> None:
    assert list(formats) == [output.name for output in formats.values()]


@pytest.mark.parametrize("output", HTTP_FORMATS.values(), ids=lambda output: output.name)
def test_a_format_has_the_rate_that_it_is_named_for(output: OutputFormat) -> None:
    assert output.name.split("_")[1] == str(output.sample_rate)


@pytest.mark.parametrize("output", EVERY_FORMAT, ids=lambda output: output.name)
def test_an_encoder_takes_the_rate_of_its_format(output: OutputFormat) -> None:
    assert output.new_encoder().sample_rate == output.sample_rate


@pytest.mark.parametrize("output", EVERY_FORMAT, ids=lambda output: output.name)
def test_every_format_is_announced_as_audio(output: OutputFormat) -> None:
    assert output.media_type.startswith("audio/")


@pytest.mark.parametrize("output", EVERY_FORMAT, ids=lambda output: output.name)
def test_a_stream_without_samples_has_no_bytes(output: OutputFormat) -> None:
    encoder = output.new_encoder()
    assert encoder.encode(np.zeros(0, dtype=np.float32)) + encoder.finish() == b""


def test_over_http_there_is_wav_at_every_rate() -> None:
    more = HTTP_FORMATS.keys() - FORMATS.keys()
    assert more == {f"wav_{rate}" for rate in (8000, 16000, 22050, 24000, 32000, 44100, 48000)}
    assert HTTP_FORMATS.keys() > FORMATS.keys()
