"""Checkpoints with random weights, in the form of a published one: for tests, and for measuring what a model costs."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from streaming.engine.checkpoint.config import LANGUAGES
from streaming.engine.checkpoint.coqui import build_model
from streaming.engine.checkpoint.files import CONFIG, FIXED_ARGUMENTS, MODEL, SPEAKERS, VOCAB
from streaming.engine.checkpoint.random_vocabulary import random_vocabulary
from streaming.engine.checkpoint.random_weights import SHAPES, Shape, Size, random_state
from streaming.engine.conditioning import CONDITIONING_LENGTH, SPEAKER_WIDTH

SPEAKER_NAMES = ("Mira Holm", "Tomas Vale")


def write_random_checkpoint(folder: Path, size: Size, seed: int = 0) -> None:
    """Write config.json, vocab.json, model.pth and speakers_xtts.pth into `folder`, which is made. The same for a seed."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = SHAPES[size]
    vocabulary = random_vocabulary(shape.text_tokens)
    (folder / VOCAB).write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    config = _config(shape, len(vocabulary["model"]["vocab"]))
    (folder / CONFIG).write_text(json.dumps(config, indent=4), encoding="utf-8")
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = build_model(folder / CONFIG, folder / VOCAB, shape.vocoder_channels)
        _fill(model, random_state(size, seed=seed))
        torch.save({"model": model.state_dict(), "config": config}, folder / MODEL)
        torch.save({name: _random_voice(model.gpt.model_dim) for name in SPEAKER_NAMES}, folder / SPEAKERS)


def _config(shape: Shape, text_tokens: int) -> dict[str, Any]:
    return {
        "model": "xtts",
        "model_args": {
            **FIXED_ARGUMENTS,
            "gpt_max_audio_tokens": shape.max_audio_tokens,
            "gpt_max_text_tokens": shape.max_text_tokens,
            "gpt_max_prompt_tokens": 70,
            "gpt_layers": shape.layers,
            "gpt_n_model_channels": shape.width,
            "gpt_n_heads": shape.heads,
            "gpt_num_audio_tokens": shape.audio_tokens,
            "gpt_start_audio_token": shape.start_audio,
            "gpt_stop_audio_token": shape.stop_audio,
            "gpt_use_perceiver_resampler": True,
            "decoder_input_dim": shape.width,
            "cond_d_vector_in_each_upsampling_layer": True,
            "gpt_number_text_tokens": text_tokens,
        },
        "audio": {"sample_rate": 22050, "output_sample_rate": 24000},
        "languages": list(LANGUAGES),
        "temperature": 0.75,
        "length_penalty": 1.0,
        "repetition_penalty": 5.0,
        "top_k": 50,
        "top_p": 0.85,
        "gpt_cond_len": 30,
        "gpt_cond_chunk_len": 4,
        "max_ref_len": 30,
        "sound_norm_refs": False,
    }


def _random_voice(width: int) -> dict[str, Tensor]:
    embedding = nn.functional.normalize(torch.randn(1, SPEAKER_WIDTH, 1), dim=1)
    return {"gpt_cond_latent": torch.randn(1, CONDITIONING_LENGTH, width), "speaker_embedding": embedding}


def _fill(model: Any, state: dict[str, Tensor]) -> None:
    """Random weights for coqui's Xtts: `state`, and the rest from torch's generator. Leaves it in evaluation mode."""
    nn.Module.train(model, False)
    unknown = model.load_state_dict(state, strict=False).unexpected_keys
    if unknown:
        raise RuntimeError(f"coqui's model has no {unknown[0]}.")
    model.mel_stats.copy_(4.0 + torch.rand(80))
    _fill_conditioning(model.gpt)
    _settle_speaker_encoder(model.hifigan_decoder.speaker_encoder)


def _fill_conditioning(gpt: Any) -> None:
    # Initialised with zeros, these would let no attention through.
    for block in gpt.conditioning_encoder.attn:
        block.proj_out.weight.normal_(0.0, gpt.model_dim**-0.5)
    gpt.conditioning_perceiver.latents.normal_(0.0, 1.0)


def _settle_speaker_encoder(encoder: Any) -> None:
    """Batch norms with the statistics of some noise, as training would have left them."""
    for norm in encoder.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            norm.momentum = None
            norm.train()
    envelope = torch.rand(2, 1, 8000).cumsum(-1).sin()
    encoder(torch.randn(2, 1, 8000) * envelope * 0.1)
    encoder.eval()
