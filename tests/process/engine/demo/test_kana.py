import pytest

from streaming.engine.demo.espeak import Espeak
from streaming.engine.demo.kana import KanaReader


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("日本語です。", "にほんご です 。"),
        ("私は東京へ行きます", "わたし わ とうきょう え いき ます"),
        ("こんにちは", "こんにちわ"),
        ("はは", "はは"),
        ("東京タワー", "とうきょう たわー"),
        ("", ""),
    ],
)
def test_japanese_is_read_in_kana(text: str, read: str) -> None:
    assert KanaReader().read(text) == read


def test_espeak_has_sounds_for_what_was_read() -> None:
    """Without the reading it names each character: "Chinese letter"."""
    espeak = Espeak()
    assert "(en)" in "".join(espeak.phonemes("ja", "日本語"))
    assert espeak.phonemes("ja", KanaReader().read("日本語")) == ["nihˈo̞ŋɡo̞"]
