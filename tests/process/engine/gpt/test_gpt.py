from collections.abc import Callable, Iterator, Sequence

import pytest
import torch

from streaming.engine.checkpoint.coqui import XttsParts
from streaming.engine.checkpoint.random_weights import SHAPES
from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.gpt.gpt import VOICE_CACHE_BYTES
from streaming.engine.gpt.sampling import SamplingSettings
from tests.process.engine.stage import (
    HELLO,
    HI,
    LONGER,
    MIRA,
    TOMAS,
    Encode,
    Line,
    Make,
    Stage,
    a_crowd,
    fixed,
    fp32,
    fresh,
    int8,
    one_thread,
    stages,
    voices,
)
from tests.process.engine.vocoder.coqui_generator import CoquiGenerator

GREEDY = SamplingSettings(top_k=1)
# Under this one, tokens come a second time now and then; under the usual ones hardly ever with random weights.
REPEATING = SamplingSettings(temperature=1.5, top_p=1.0, repetition_penalty=1.05)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture
def stage(tiny_weights: SpeechWeights) -> Callable[..., Stage]:
    return stages(tiny_weights)


@pytest.fixture
def encode(tiny_parts: XttsParts) -> Encode:
    return lambda text: list(tiny_parts.tokenizer.encode(text, "en"))


@pytest.fixture(scope="module")
def coqui(tiny_parts: XttsParts) -> CoquiGenerator:
    return CoquiGenerator(tiny_parts)


@pytest.mark.parametrize(
    ("text", "voice", "seed", "settings", "most"),
    [
        (HELLO, TOMAS, 1, SamplingSettings(), 60),
        (HI, TOMAS, 0, SamplingSettings(), 60),
        (LONGER, MIRA, 2, SamplingSettings(), 60),
        (HI, MIRA, 1, SamplingSettings(), 60),  # ends with its second token
        (LONGER, TOMAS, 0, GREEDY, 30),
        (HELLO, MIRA, 0, REPEATING, 60),
        (HELLO, TOMAS, 1, REPEATING, 60),
    ],
)
def test_it_says_what_coquis_generator_says(
    stage: Callable[..., Stage],
    coqui: CoquiGenerator,
    encode: Encode,
    tiny_parts: XttsParts,
    text: str,
    voice: str,
    seed: int,
    settings: SamplingSettings,
    most: int,
) -> None:
    expected = coqui.speak(encode(text), voices(tiny_parts.speakers)[voice], seed, most, settings)
    for kind in (fp32, fixed):
        line = Line(1, encode(text), voice, seed, most=most)
        stage(kind, settings).run(line)
        assert line.tokens == expected.tokens
        assert (torch.stack(line.latents) - expected.latents).abs().max() < 1e-4


def test_tokens_do_repeat_where_the_penalty_is_small(stage: Callable[..., Stage], encode: Encode) -> None:
    line = Line(1, encode(HELLO), TOMAS, 1, most=60)
    stage(fp32, REPEATING).run(line)
    assert len(set(line.tokens)) < len(line.tokens)


@pytest.mark.parametrize("kind", [fp32, fixed])
def test_a_row_among_others_says_what_it_says_alone(stage: Callable[..., Stage], encode: Encode, kind: Make) -> None:
    crowd = a_crowd(encode)
    stage(kind).run(*crowd)
    for line in crowd:
        alone = fresh(line)
        stage(kind).run(alone)
        assert alone.tokens == line.tokens
        assert torch.allclose(torch.stack(alone.latents), torch.stack(line.latents), atol=1e-4)


@pytest.mark.parametrize("kind", [fp32, int8])
def test_a_text_longer_than_one_call_takes_is_the_same(stage: Callable[..., Stage], encode: Encode, kind: Make) -> None:
    text = (encode(LONGER) * 20)[:300]
    long, again = Line(0, text, MIRA, most=4), Line(3, text, MIRA, most=4)
    reference = Line(0, text, MIRA, most=4)
    made = stage(kind)
    made.run(long)
    made.run(again)
    stage(fp32).run(reference)
    assert torch.equal(torch.stack(long.latents), torch.stack(again.latents))
    difference = (long.latents[0] - reference.latents[0]).norm()
    assert difference < 0.05 * reference.latents[0].norm()


@pytest.mark.parametrize("kind", [fp32, fixed, int8])
def test_a_known_voice_says_what_a_new_one_says(stage: Callable[..., Stage], encode: Encode, kind: Make) -> None:
    first, second = Line(1, encode(HELLO), TOMAS, seed=3), Line(1, encode(HELLO), TOMAS, seed=3)
    made = stage(kind)
    made.run(first)
    made.run(second)
    assert second.tokens == first.tokens
    assert torch.equal(torch.stack(second.latents), torch.stack(first.latents))


@pytest.mark.parametrize("kind", [fp32, int8])
def test_a_voice_that_was_forgotten_is_learnt_again(stage: Callable[..., Stage], encode: Encode, kind: Make) -> None:
    lines = [Line(0, encode(HI), voice, seed=3, most=6) for voice in (TOMAS, MIRA, TOMAS, MIRA)]
    made = stage(kind, voice_cache_bytes=1)
    for line in lines:
        made.run(line)
    assert [line.tokens for line in lines[2:]] == [line.tokens for line in lines[:2]]
    assert lines[0].tokens != lines[1].tokens


def learnt(made: Stage, names: Sequence[str]) -> list[str]:
    """Speaks with a voice of each name in turn; gives those that the model had to take in first."""
    gpt, conditioning, taken = made.gpt, made.voices[TOMAS].gpt, []
    for name in names:
        before = list(gpt._prefixes)
        gpt.prefill(0, [7, 8, 9], conditioning, name)
        taken += [] if name in before else [name]
    return taken


@torch.inference_mode()
@pytest.mark.parametrize("kind", [fp32, int8])
def test_voices_are_kept_as_long_as_there_is_memory(stage: Callable[..., Stage], kind: Make) -> None:
    one = stage(kind)
    learnt(one, "a")
    (prefix,) = one.gpt._prefixes.values()
    room_for_three = stage(kind, voice_cache_bytes=3 * prefix.nbytes)
    assert learnt(room_for_three, "abcabc") == ["a", "b", "c"]
    # The one that was not heard for the longest time makes room.
    assert learnt(room_for_three, "bdbcda") == ["d", "a"]
    assert list(room_for_three.gpt._prefixes) == ["c", "d", "a"]


def test_a_hundred_voices_of_full_size_are_kept() -> None:
    full = SHAPES["full"]
    in_half_precision = 2 * 2 * full.layers * 32 * full.width
    assert 100 * in_half_precision < VOICE_CACHE_BYTES


@pytest.mark.parametrize("kind", [fp32, fixed, int8])
def test_a_slot_keeps_nothing_of_a_longer_sequence(stage: Callable[..., Stage], encode: Encode, kind: Make) -> None:
    longer, shorter = Line(1, encode(LONGER), MIRA, seed=4, most=30), Line(1, encode(HI), TOMAS, seed=9)
    alone = fresh(shorter)
    used = stage(kind)
    used.run(longer)
    used.run(shorter)
    stage(kind).run(alone)
    assert shorter.tokens == alone.tokens
    assert torch.equal(torch.stack(shorter.latents), torch.stack(alone.latents))


@torch.inference_mode()
def test_the_longest_sequence_has_its_last_position(stage: Callable[..., Stage], tiny_weights: SpeechWeights) -> None:
    weights = tiny_weights.gpt
    text, last = [7] * weights.max_text_tokens, weights.audio_positions.shape[0] - 1
    results = []
    for kind in (fp32, fixed, int8):
        made = stage(kind)
        made.gpt.prefill(0, text, made.voices[MIRA].gpt, MIRA)
        for step in (last - 1, last):
            latents, _ = made.gpt.step([0], torch.tensor([5]), [step])
        results.append(latents)
    assert torch.allclose(results[0], results[1], atol=1e-4)
    assert results[2].isfinite().all()
