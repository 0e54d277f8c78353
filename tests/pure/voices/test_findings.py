"""What is said of a recording that is used, and what to do."""

from typing import Any

import numpy as np
import pytest

from tests.pure.voices.recordings import RATE, encoded, speech
from voices.clips import ClipLimits, inspect_clip
from voices.decoding import Edit
from voices.findings import SENTENCES, Finding, stored_findings
from voices.survey import Part

LIMITS = ClipLimits(min_seconds=1.0, max_seconds=60.0, max_bytes=20_000_000)


def with_pauses(seconds: float, *, noise_db: float = -70.0, **options: Any) -> Any:
    """Speech with half a second of nothing but the room after each second and a half."""
    sound = speech(seconds, **options)
    rate = options.get("rate", RATE)
    sound[np.arange(len(sound)) % (2 * rate) > 1.5 * rate] = 0.0
    return sound + np.random.default_rng(1).normal(scale=10 ** (noise_db / 20), size=sound.shape)


def findings(sound: Any, *, rate: int = RATE, edit: Edit | None = None) -> dict[str, str]:
    facts = inspect_clip(encoded(sound, rate=rate, subtype="PCM_24"), LIMITS, edit or Edit())
    return {found.code: str(found) for found in stored_findings(facts.findings)}


def test_a_good_recording_has_none() -> None:
    assert findings(with_pauses(10.0)) == {}


@pytest.mark.parametrize(
    ("code", "sound", "rate", "sentence"),
    [
        ("short", with_pauses(4.0), RATE, "It has only 4 s of speech."),
        ("long", with_pauses(40.0), RATE, "Trim it to the best part."),
        (
            "low_rate",
            with_pauses(8.0, rate=8_000),
            8_000,
            "Its sample rate is 8000 Hz: all sound above 4 kHz is missing",
        ),
        ("one_channel", with_pauses(8.0, channels=2) * [1, -1], RATE, "Of its 2 channels only channel 1 is used"),
        ("quiet", with_pauses(8.0, noise_db=-100) * 0.1, RATE, "Set the gain to 1"),
        ("noisy", with_pauses(8.0, noise_db=-32), RATE, "It has much background noise: the speech is only 1"),
    ],
    ids=lambda value: value if isinstance(value, str) and value in SENTENCES else "",
)
def test_what_may_harm_a_voice_is_said(code: str, sound: Any, rate: int, sentence: str) -> None:
    found = findings(sound, rate=rate)
    assert set(found) == {code}
    assert sentence in found[code]


def test_a_recording_that_is_clipped_in_places_is_used_with_a_warning() -> None:
    sound = with_pauses(8.0)
    sound[1000:1500] = 1.0
    assert "% of it is clipped" in findings(sound)["clipped"]


def test_much_that_is_no_speech_is_said() -> None:
    sound = np.concatenate((with_pauses(8.0), np.random.default_rng(1).normal(scale=1e-4, size=(20 * RATE, 1))))
    assert findings(sound)["little_speech"].startswith("Only 27 % of it is speech.")


def test_the_suggested_gain_ends_the_warning() -> None:
    sound = with_pauses(8.0, noise_db=-100) * 0.1
    facts = inspect_clip(encoded(sound, subtype="PCM_24"), LIMITS)
    assert findings(sound, edit=Edit(gain=facts.suggested_gain)) == {}


def test_what_is_cut_off_is_not_measured() -> None:
    sound = with_pauses(10.0)
    sound[1000:1500] = 1.0
    assert set(findings(sound)) == {"clipped"}
    assert findings(sound, edit=Edit(Part(2.0))) == {}


def test_findings_of_another_version_are_passed_over() -> None:
    stored = [{"code": "gone", "values": {}}, Finding("short", {"seconds": 2.5}).stored()]
    assert [str(found)[:24] for found in stored_findings(stored)] == ["It has only 2.5 s of spe"]
