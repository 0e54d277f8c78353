"""What the settings mean for sessions."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from streaming import conf
from streaming.protocol.opening import Rules
from streaming.sockets.session_rules import session_rules


def rules(settings: Settings, tmp_path: Path, **streams: object) -> Rules:
    settings.BASE_DIR, settings.XTTS = tmp_path, {"streams": streams}
    return session_rules(conf.get_config())


@pytest.mark.parametrize(
    ("streams", "default_format"),
    [({}, None), ({"default_format": "auto"}, None), ({"default_format": "mp3_22050_32"}, "mp3_22050_32")],
)
def test_the_default_format_is_the_settings(
    settings: Settings, tmp_path: Path, streams: dict[str, str], default_format: str | None
) -> None:
    assert rules(settings, tmp_path, **streams).default_format == default_format


def test_a_format_that_does_not_exist_is_one_sentence_with_those_that_do(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        rules(settings, tmp_path, default_format="mp3_1_1")
    assert str(caught.value).startswith("streams.default_format is 'mp3_1_1'; it can be auto, alaw_8000, ")
    assert "pcm_24000" in str(caught.value)
