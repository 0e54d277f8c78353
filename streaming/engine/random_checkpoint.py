"""Checkpoints with random weights: the real graph, for tests and for measuring what a model costs.

The weights are scaled so that activations have the sizes of a trained model: every position of the context matters, logits
have a few clear favourites, and the vocoder gives noise of the loudness of speech. Nobody can listen to it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from streaming.engine.checkpoint import CONDITIONING_LATENTS, SPEAKER_WIDTH, build_model
from streaming.engine.checkpoint_files import CONFIG, FIXED_ARGUMENTS, MODEL, SPEAKERS, VOCAB
from streaming.engine.random_vocabulary import LANGUAGES, random_vocabulary

Size = Literal["tiny", "full"]
VOCABULARY = {"tiny": 400, "full": 6681}
SPEAKER_NAMES = ("Mira Holm", "Tomas Vale")
_FULL: dict[str, Any] = {
    **FIXED_ARGUMENTS,
    "gpt_max_audio_tokens": 605,
    "gpt_max_text_tokens": 402,
    "gpt_max_prompt_tokens": 70,
    "gpt_layers": 30,
    "gpt_n_model_channels": 1024,
    "gpt_n_heads": 16,
    "gpt_num_audio_tokens": 8194,
    "gpt_start_audio_token": 8192,
    "gpt_stop_audio_token": 8193,
    "gpt_use_perceiver_resampler": True,
    "decoder_input_dim": 1024,
    "cond_d_vector_in_each_upsampling_layer": True,
}
# Fewer and narrower layers, everything else alike. The vocoder and the speaker encoder have no setting for their width.
_TINY: dict[str, Any] = {
    **_FULL,
    "gpt_layers": 3,
    "gpt_n_model_channels": 64,
    "gpt_n_heads": 4,
    "gpt_num_audio_tokens": 1026,
    "gpt_start_audio_token": 1024,
    "gpt_stop_audio_token": 1025,
    "decoder_input_dim": 64,
}
ARGUMENTS = {"tiny": _TINY, "full": _FULL}
# The stop token's head start over the others: a tiny model ends an utterance now and then, a full one never does by itself,
# so that what it costs to speak for a given time can be measured.
STOP_BIAS = {"tiny": 3.0, "full": -100.0}
LOGIT_SPREAD = 3.0
LOUDNESS = 0.2


def write_random_checkpoint(folder: Path, size: Size, seed: int = 0) -> None:
    """Write config.json, vocab.json, model.pth and speakers_xtts.pth into `folder`, which is made. The same for a seed."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = random_vocabulary(VOCABULARY[size])
    (folder / VOCAB).write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    config = _config(ARGUMENTS[size], len(vocabulary["model"]["vocab"]))
    (folder / CONFIG).write_text(json.dumps(config, indent=4), encoding="utf-8")
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = build_model(folder / CONFIG, folder / VOCAB)
        fill_with_random_weights(model, STOP_BIAS[size])
        torch.save({"model": model.state_dict(), "config": config}, folder / MODEL)
        torch.save({name: _random_voice(model.gpt.model_dim) for name in SPEAKER_NAMES}, folder / SPEAKERS)


def _config(arguments: dict[str, Any], text_tokens: int) -> dict[str, Any]:
    return {
        "model": "xtts",
        "model_args": {**arguments, "gpt_number_text_tokens": text_tokens},
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
    return {"gpt_cond_latent": torch.randn(1, CONDITIONING_LATENTS, width), "speaker_embedding": embedding}


def fill_with_random_weights(model: Any, stop_bias: float) -> None:
    """Random weights for coqui's Xtts, from torch's generator. Leaves it in evaluation mode."""
    nn.Module.train(model, False)
    model.mel_stats.copy_(4.0 + torch.rand(80))
    _fill_gpt(model.gpt, stop_bias)
    _fill_conditioning(model.gpt)
    _settle_speaker_encoder(model.hifigan_decoder.speaker_encoder)
    _settle_vocoder(model.hifigan_decoder, model.gpt.model_dim)


def _fill_gpt(gpt: Any, stop_bias: float) -> None:
    width, layers = gpt.model_dim, gpt.layers
    for embedding, spread in (
        (gpt.text_embedding, 0.8),
        (gpt.mel_embedding, 0.8),
        (gpt.text_pos_embedding.emb, 0.3),
        (gpt.mel_pos_embedding.emb, 0.3),
    ):
        embedding.weight.normal_(0.0, spread)
    for block in gpt.gpt.h:
        # Wide queries and keys: a position looks at some of the context, not at its mean.
        _fill(block.attn.c_attn, width, 1.0)
        block.attn.c_attn.weight[:, : 2 * width] *= 1.5
        _fill(block.attn.c_proj, width, 2.0 / layers**0.5)
        _fill(block.mlp.c_fc, width, 1.0)
        _fill(block.mlp.c_proj, 4 * width, 2.0 / layers**0.5)
    norms = [norm for block in gpt.gpt.h for norm in (block.ln_1, block.ln_2)]
    for norm in (*norms, gpt.gpt.ln_f, gpt.final_norm):
        norm.weight.normal_(1.0, 0.1)
        norm.bias.normal_(0.0, 0.05)
    _fill(gpt.mel_head, width, LOGIT_SPREAD)
    gpt.mel_head.bias[gpt.stop_audio_token] = stop_bias
    # Never chosen by a trained model either.
    gpt.mel_head.bias[gpt.start_audio_token] = -100.0


def _fill(linear: Any, inputs: int, gain: float) -> None:
    linear.weight.normal_(0.0, gain / inputs**0.5)
    linear.bias.normal_(0.0, 0.02)


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


def _settle_vocoder(decoder: Any, width: int) -> None:
    """Rescale the vocoder layer by layer, in the order of its computation, to outputs of a known spread."""
    generator = decoder.waveform_decoder
    wanted: dict[nn.Module, float] = {generator.conv_pre: 1.0, generator.cond_layer: 0.5, generator.conv_post: LOUDNESS}
    wanted |= dict.fromkeys(generator.ups, 1.0) | dict.fromkeys(generator.conds, 0.5)
    for block in generator.resblocks:
        wanted |= dict.fromkeys(block.convs1, 1.0) | dict.fromkeys(block.convs2, 0.5)
    hooks = [module.register_forward_hook(_rescale_to(spread)) for module, spread in wanted.items()]
    decoder(torch.randn(1, 8, width), g=nn.functional.normalize(torch.randn(1, SPEAKER_WIDTH, 1), dim=1))
    for hook in hooks:
        hook.remove()


def _rescale_to(spread: float) -> Callable[[Any, Any, Tensor], Tensor]:
    def hook(module: Any, _: Any, output: Tensor) -> Tensor:
        factor = spread / output.std()
        normed = getattr(module, "parametrizations", None)
        # With weight norm, the first of its two parts is the size.
        (normed.weight.original0 if normed else module.weight).mul_(factor)
        if module.bias is not None:
            module.bias.mul_(factor)
        return output * factor

    return hook
