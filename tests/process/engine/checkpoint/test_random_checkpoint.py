import copy
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from streaming.engine.checkpoint.coqui import XttsParts
from tests.process.engine.checkpoints import write_random


def saved(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(folder / "model.pth", mmap=True)["model"]
    return state


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="xtts-tiny-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def stock(tiny_parts: XttsParts) -> Any:
    """A copy with what coqui-tts generates with."""
    # Not its tokenizer: when somebody has spoken Japanese with it, it holds what cannot be copied.
    tokenizer = tiny_parts.model.tokenizer
    model = copy.deepcopy(tiny_parts.model, {id(tokenizer): tokenizer})
    model.gpt.init_gpt_for_inference()
    model.gpt.eval()
    return model


def generate(model: Any, parts: XttsParts, seed: int, most: int) -> tuple[list[int], torch.Tensor]:
    """Audio tokens and latents (n, d) as coqui-tts samples them for a streamed utterance."""
    tokens, latents = [], []
    with torch.inference_mode(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        text = torch.tensor([parts.tokenizer.encode("good morning to all of you.", "en")])
        inputs = model.gpt.compute_embeddings(parts.speakers["Mira Holm"][0], text)
        sampling = {"top_k": 50, "top_p": 0.85, "temperature": 0.75, "repetition_penalty": 10.0, "do_sample": True}
        output = {"output_hidden_states": True, "return_dict_in_generate": True, "output_attentions": False}
        for token, latent in model.gpt.get_generator(inputs, num_beams=1, **sampling, **output):
            tokens.append(int(token))
            latents.append(latent)
            if len(tokens) == most:
                break
    return tokens, torch.cat(latents)


def test_a_seed_gives_the_same_checkpoint_again(tiny_checkpoint: Path, folder: Path) -> None:
    before = torch.get_rng_state()
    first, again = saved(tiny_checkpoint), saved(write_random(folder, "tiny"))
    assert [name for name in first if not torch.equal(first[name], again[name])] == []
    assert torch.equal(torch.get_rng_state(), before)
    for name in ("config.json", "vocab.json"):
        assert (folder / name).read_bytes() == (tiny_checkpoint / name).read_bytes()


def test_another_seed_gives_another_checkpoint(tiny_checkpoint: Path, folder: Path) -> None:
    name = "gpt.mel_head.weight"
    assert not torch.equal(saved(tiny_checkpoint)[name], saved(write_random(folder, "tiny", seed=1))[name])


def test_sampled_tokens_vary(stock: Any, tiny_parts: XttsParts) -> None:
    spoken = [generate(stock, tiny_parts, seed, 20)[0] for seed in range(4)]
    assert len({tuple(tokens) for tokens in spoken}) == 4
    assert len({token for tokens in spoken for token in tokens}) > 30


def test_the_end_is_likely_enough_now_and_then_and_mostly_not(tiny_parts: XttsParts) -> None:
    gpt = tiny_parts.model.gpt
    with torch.inference_mode():
        latents = torch.nn.functional.layer_norm(torch.randn(5000, 64), [64])
        logits = gpt.mel_head(gpt.final_norm(latents))
        likely = (logits.topk(50).indices == gpt.stop_audio_token).any(-1).float().mean()
    assert 0.02 < likely < 0.5


def test_latents_and_audio_have_the_sizes_of_speech(stock: Any, tiny_parts: XttsParts) -> None:
    latents = generate(stock, tiny_parts, 4, 20)[1]
    with torch.inference_mode():
        audio = stock.hifigan_decoder(latents[None], g=tiny_parts.speakers["Tomas Vale"][1])
    assert 0.5 < latents.std() < 2.0
    assert 0.1 < audio.std() < 0.3
    assert audio.abs().max() < 0.99


def test_what_was_said_before_decides_what_is_said(stock: Any, tiny_parts: XttsParts) -> None:
    mira, tomas = (latents for latents, _ in tiny_parts.speakers.values())
    text = torch.tensor([tiny_parts.tokenizer.encode("good morning", "en")])
    codes, wave_length = torch.tensor([[5, 6, 7, 8, 9, 10, 11, 12]]), torch.tensor([8 * 1024])
    with torch.inference_mode():
        first, second = (
            stock.gpt(text, torch.tensor([text.shape[1]]), codes, wave_length, cond_latents=voice, return_latent=True)
            for voice in (mira, tomas)
        )
    assert (first - second).std() > 0.1


def test_voices_are_told_apart(tiny_parts: XttsParts) -> None:
    time = torch.arange(2 * 22050) / 22050
    low, high = (torch.sin(2 * torch.pi * pitch * time)[None] * (1 + torch.sin(9 * time)) / 4 for pitch in (110, 900))
    latents = [tiny_parts.model.get_gpt_cond_latents(clip, 22050) for clip in (low, high)]
    embeddings = [tiny_parts.model.get_speaker_embedding(clip, 22050) for clip in (low, high)]
    assert latents[0].shape == (1, 32, 64)
    assert (latents[0] - latents[1]).std() > 0.05
    assert torch.cosine_similarity(embeddings[0], embeddings[1]).item() < 0.99
