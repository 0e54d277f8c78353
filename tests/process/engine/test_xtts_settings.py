"""What the settings and a request say in the place of the model's config.json, in engines that speak."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streaming.engine.contract import Failed, Prepared, Samples, VoiceRef
from streaming.engine.stepped_engine import SteppedEngine
from tests.process.engine.xtts import Listener, audio, request, speak, with_stop_bias, xtts
from tests.pure.voices.recordings import recording

WARM = {"temperature": 1.6, "top_k": 0, "top_p": 1.0}
OPTIONS: dict[str, Any] = {"precision": "int8", "threads": 1, "slots": 3}


@pytest.fixture(scope="module")
def hasty(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Utterances end by themselves, after some tokens."""
    return with_stop_bias(tiny_checkpoint, tmp_path_factory.mktemp("settings") / "hasty", 9.0)


@pytest.fixture(scope="module")
def engine(hasty: Path) -> Iterator[SteppedEngine]:
    with xtts(hasty, **OPTIONS) as engine:
        yield engine


def spoken(engine: SteppedEngine, **options: Any) -> Samples:
    (events,) = speak(engine, request(**options))
    return audio(events)


def are_equal(sounds: Sequence[Samples]) -> bool:
    return all(np.array_equal(sounds[0], sound) for sound in sounds[1:])


def test_a_request_says_how_its_tokens_are_sampled(engine: SteppedEngine) -> None:
    usual = spoken(engine)
    assert not np.array_equal(spoken(engine, **WARM), usual)
    assert np.array_equal(spoken(engine), usual)
    # Of one token, no seed can draw another.
    assert are_equal([spoken(engine, seed=seed, top_k=1) for seed in range(3)])
    assert not are_equal([spoken(engine, seed=seed) for seed in range(3)])


def test_requests_of_all_settings_speak_together_as_they_do_alone(engine: SteppedEngine) -> None:
    each: list[dict[str, Any]] = [WARM, {}, {"top_k": 1}, {"temperature": 0.2, "top_p": 0.3}, {"top_k": 0}]
    each.append({"repetition_penalty": 1.0})
    together = speak(engine, *(request(str(number), seed=4, **own) for number, own in enumerate(each)))
    for own, events in zip(each, together, strict=True):
        assert np.array_equal(audio(events), spoken(engine, seed=4, **own))


def test_a_request_that_asks_for_what_is_no_setting_fails_alone(engine: SteppedEngine) -> None:
    wrong, right = speak(engine, request("wrong", temperature=0.0), request("right"))
    assert wrong == [Failed("wrong", "ValueError: temperature must be above 0, not 0.0.")]
    assert np.array_equal(audio(right), spoken(engine))


def test_the_settings_hold_where_a_request_says_nothing(hasty: Path, engine: SteppedEngine) -> None:
    penalty = {"repetition_penalty": 1.0}
    with xtts(hasty, overrides=WARM | penalty, **OPTIONS) as warm, xtts(hasty, overrides=penalty, **OPTIONS) as other:
        assert np.array_equal(spoken(warm), spoken(other, **WARM))
        usual = {"temperature": 0.75, "top_k": 50, "top_p": 0.85}
        assert np.array_equal(spoken(warm, **usual), spoken(other))
        assert not np.array_equal(spoken(warm, **usual), spoken(engine))
        assert np.array_equal(spoken(engine, **penalty), spoken(other))


def prepared(engine: SteppedEngine) -> bytes:
    listener = Listener()
    engine.prepare("voice", VoiceRef("key", (recording(3.0),)), listener.hear)
    (event,) = listener.of("voice")
    assert isinstance(event, Prepared)
    return event.conditioning


@pytest.mark.parametrize(
    "said", [{"gpt_cond_len": 2}, {"gpt_cond_chunk_len": 2}, {"max_ref_length": 2}, {"sound_norm_refs": True}], ids=str
)
def test_a_voice_is_prepared_anew_for_other_settings_of_its_recordings(
    hasty: Path, engine: SteppedEngine, said: dict[str, Any]
) -> None:
    with xtts(hasty, overrides=said, **OPTIONS) as other:
        assert other.info.fingerprint != engine.info.fingerprint
        assert prepared(other) != prepared(engine)


def test_other_settings_of_sampling_leave_voices_as_they_are(hasty: Path, engine: SteppedEngine) -> None:
    with xtts(hasty, overrides=WARM | {"gpt_cond_len": 30}, **OPTIONS) as other:
        assert other.info.fingerprint == engine.info.fingerprint
        assert prepared(other) == prepared(engine)
