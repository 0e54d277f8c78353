from types import SimpleNamespace

import pykakasi
import pytest

from streaming.engine.demo.demo_engine import DemoEngine
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


@pytest.mark.parametrize(("language", "expected"), [("ja", 1), ("ja-JP", 1), ("en", 0)])
def test_the_dictionary_is_loaded_before_anybody_waits_where_japanese_is_usual(
    language: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []

    def load() -> pykakasi.Kakasi:
        loaded.append(language)
        return pykakasi.Kakasi()  # type: ignore[no-untyped-call] # its constructor says nothing

    monkeypatch.setattr("streaming.engine.demo.kana.pykakasi", SimpleNamespace(Kakasi=load))
    engine = DemoEngine(threads=1, language=language)
    engine.warm_up()
    engine.stop()
    assert len(loaded) == expected
