import copy
import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts, _legacy_safe_globals

from streaming.engine.checkpoint.coqui import XttsParts, conditioning_fingerprint
from streaming.engine.checkpoint.files import CheckpointError
from tests.process.engine.checkpoints import load

PROJECT = Path(__file__).resolve().parents[4]
State = dict[str, Tensor]


def saved(folder: Path) -> State:
    state: State = torch.load(folder / "model.pth", mmap=True)["model"]
    return state


@pytest.fixture
def hollow(tiny_checkpoint: Path, tmp_path: Path) -> State:
    """The names and shapes of the tiny checkpoint, each weight a single number on disk. `tmp_path` holds the other files."""
    for name in ("config.json", "vocab.json"):
        shutil.copy(tiny_checkpoint / name, tmp_path)
    state = saved(tiny_checkpoint)
    return {name: weight.flatten()[:1].clone()[0].expand(weight.shape) for name, weight in state.items()}


def save(folder: Path, state: State, **other: Any) -> Path:
    torch.save({"model": state, **other}, folder / "model.pth")
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_model_is_ready_to_run(tiny_parts: XttsParts) -> None:
    weights = list(tiny_parts.model.parameters())
    assert {weight.dtype for weight in weights} == {torch.float32}
    assert not any(weight.requires_grad for weight in weights)
    assert not any(module.training for module in tiny_parts.model.modules())


def test_weight_norm_is_folded_into_the_weights(tiny_parts: XttsParts) -> None:
    names = tiny_parts.model.state_dict()
    assert "hifigan_decoder.waveform_decoder.ups.0.weight" in names
    assert [name for name in names if "parametrizations" in name] == []


def test_nothing_is_built_for_hugging_faces_generate(tiny_parts: XttsParts) -> None:
    assert not hasattr(tiny_parts.model.gpt, "gpt_inference")


def test_the_parts_are_those_of_the_folder(tiny_parts: XttsParts) -> None:
    width = tiny_parts.config.model_args.gpt_n_model_channels
    assert tiny_parts.config.languages[:2] == ["en", "es"]
    assert tiny_parts.tokenizer.encode("a", "en") == [4, tiny_parts.tokenizer.tokenizer.token_to_id("a")]
    assert [(latents.shape, embedding.shape) for latents, embedding in tiny_parts.speakers.values()] == [
        ((1, 32, width), (1, 512, 1)),
        ((1, 32, width), (1, 512, 1)),
    ]


def test_it_is_the_model_that_coqui_loads(small_checkpoint: Path, small_parts: XttsParts) -> None:
    config = XttsConfig()
    config.load_json(str(small_checkpoint / "config.json"))
    stock = Xtts(config)
    stock.load_checkpoint(config, checkpoint_dir=small_checkpoint, eval=False)
    nn.Module.train(stock, False)
    ours = small_parts.model.state_dict()
    theirs = stock.state_dict()
    assert [name for name in ours.keys() & theirs.keys() if not torch.equal(ours[name], theirs[name])] == []
    latents, embedding = torch.randn(1, 8, 64), small_parts.speakers["Mira Holm"][1]
    with torch.inference_mode():
        difference = small_parts.model.hifigan_decoder(latents, g=embedding) - stock.hifigan_decoder(
            latents, g=embedding
        )
    assert difference.abs().max() < 1e-5


def test_nothing_is_left_at_random(tiny_checkpoint: Path, tiny_parts: XttsParts) -> None:
    again = load(tiny_checkpoint).model.state_dict()
    first = tiny_parts.model.state_dict()
    assert [name for name, weight in first.items() if not torch.equal(weight, again[name])] == []


def test_a_fine_tune_is_loaded_as_the_trainer_saves_it(hollow: State, tmp_path: Path) -> None:
    state = {f"xtts.{name}": weight for name, weight in hollow.items()}
    state |= {"xtts.dvae.codebook.embed": torch.ones(3), "dvae.x": torch.ones(1)}
    state["xtts.torch_mel_spectrogram_dvae.mel_norms"] = torch.ones(80)
    save(tmp_path, state, optimizer={"state": {0: {"step": torch.tensor(3.0)}}}, scaler={"scale": 1.0}, step=3)
    assert torch.equal(load(tmp_path).model.mel_stats, hollow["mel_stats"])


def test_second_names_for_the_same_weights_are_left_out(hollow: State, tmp_path: Path) -> None:
    embedding = hollow["gpt.mel_embedding.weight"]
    hollow |= {"gpt.gpt.wte.weight": embedding, "gpt.gpt_inference.embeddings.weight": embedding}
    hollow |= {"gpt.gpt.h.0.attn.bias": torch.ones(1, 1, 8, 8), "gpt.gpt.h.0.attn.masked_bias": torch.tensor(-1e4)}
    parts = load(save(tmp_path, hollow))
    assert not hasattr(parts.model.gpt, "gpt_inference")
    assert torch.equal(parts.model.gpt.mel_embedding.weight, embedding)


def test_weight_norm_may_be_saved_in_its_older_form(hollow: State, tmp_path: Path) -> None:
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    older = {}
    for name, weight in hollow.items():
        for new, old in names.items():
            name = name.replace(new, old)
        older[name] = weight
    layer = "hifigan_decoder.waveform_decoder.ups.0."
    folded = load(save(tmp_path, older)).model.state_dict()[f"{layer}weight"]
    size, direction = older[f"{layer}weight_g"].double(), older[f"{layer}weight_v"].double()
    expected = size * direction / direction.contiguous().norm(dim=(1, 2), keepdim=True)
    assert torch.allclose(folded.double(), expected, rtol=1e-4)


def test_half_precision_on_disk_becomes_float32(hollow: State, tmp_path: Path) -> None:
    half = {name: weight.half() if weight.is_floating_point() else weight for name, weight in hollow.items()}
    assert {weight.dtype for weight in load(save(tmp_path, half)).model.parameters()} == {torch.float32}


def test_an_old_file_is_read_and_left_as_it_is(hollow: State, tmp_path: Path) -> None:
    with _legacy_safe_globals():
        save(tmp_path, hollow, config=XttsConfig())
    path = tmp_path / "model.pth"
    before = path.read_bytes()
    path.chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        parts = load(tmp_path)
    finally:
        tmp_path.chmod(0o700)
    assert torch.equal(parts.model.mel_stats, hollow["mel_stats"])
    assert path.read_bytes() == before


class Mischief:
    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        return Path.touch, (Path("mischief"),)  # type: ignore[return-value]


def test_a_file_that_would_run_code_is_refused(hollow: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"model": hollow, "extra": Mischief()}, tmp_path / "model.pth", pickle_module=pickle)
    assert "cannot be loaded by torch" in refusal(tmp_path)
    assert not (tmp_path / "mischief").exists()


def test_a_file_without_a_model_is_refused(hollow: State, tmp_path: Path) -> None:
    torch.save(hollow, tmp_path / "model.pth")
    assert 'holds no weights under "model"' in refusal(tmp_path)


def test_missing_weights_are_named(hollow: State, tmp_path: Path) -> None:
    del hollow["gpt.final_norm.weight"], hollow["gpt.final_norm.bias"]
    assert "lacks gpt.final_norm.bias (and 1 more)" in refusal(save(tmp_path, hollow))


def test_unknown_weights_are_named(hollow: State, tmp_path: Path) -> None:
    hollow["gpt.extra.weight"] = torch.ones(1)
    assert "holds gpt.extra.weight, which XTTS v2 does not have" in refusal(save(tmp_path, hollow))


def test_weights_of_another_shape_are_named(hollow: State, tmp_path: Path) -> None:
    hollow["gpt.mel_head.weight"] = torch.ones(8194, 64)
    assert "gpt.mel_head.weight is (8194, 64), not (1026, 64)" in refusal(save(tmp_path, hollow))


@pytest.mark.parametrize("tokens", [399, 401])
def test_a_vocabulary_of_another_model_is_refused(hollow: State, tmp_path: Path, tokens: int) -> None:
    hollow["gpt.text_embedding.weight"] = torch.ones(tokens, 64)
    assert f"has 400 tokens and {tmp_path}/model.pth was trained with {tokens}" in refusal(save(tmp_path, hollow))


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ({"gpt_n_heads": "many"}, "sets gpt_n_heads to 'many', a value that coqui-tts does not accept"),
        ({"gpt_n_heads": 0}, "does not describe a model that can be built"),
    ],
)
def test_a_config_of_no_model_is_refused(hollow: State, tmp_path: Path, argument: dict[str, Any], told: str) -> None:
    config = json.loads((tmp_path / "config.json").read_text())
    config["model_args"] |= argument
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert told in refusal(save(tmp_path, hollow))


def test_a_conditioning_setting_of_no_kind_is_refused(hollow: State, tmp_path: Path) -> None:
    config = json.loads((tmp_path / "config.json").read_text()) | {"gpt_cond_len": "long"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert "sets gpt_cond_len to 'long'" in refusal(save(tmp_path, hollow))


def test_a_vocabulary_that_cannot_be_read_is_refused(hollow: State, tmp_path: Path) -> None:
    vocabulary = json.loads((tmp_path / "vocab.json").read_text())
    vocabulary["model"]["merges"] = ["never seen"]
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    assert "cannot be read by the tokenizers library" in refusal(save(tmp_path, hollow))


@pytest.mark.parametrize(
    "speakers",
    [[], {"A": None}, {"A": {"gpt_cond_latent": torch.ones(1, 32, 64)}}],
    ids=["no names", "no voice", "no embedding"],
)
def test_speakers_of_another_kind_are_refused(hollow: State, tmp_path: Path, speakers: Any) -> None:
    torch.save(speakers, save(tmp_path, hollow) / "speakers_xtts.pth")
    assert "does not contain built-in voices for this model" in refusal(tmp_path)


def test_speakers_of_a_wider_model_are_refused(hollow: State, tmp_path: Path) -> None:
    voice = {"gpt_cond_latent": torch.ones(1, 32, 1024), "speaker_embedding": torch.ones(1, 512, 1)}
    torch.save({"A": voice}, save(tmp_path, hollow) / "speakers_xtts.pth")
    assert "does not contain built-in voices for this model" in refusal(tmp_path)


def test_a_checkpoint_without_speakers_has_none(hollow: State, tmp_path: Path) -> None:
    assert load(save(tmp_path, hollow)).speakers == {}


def test_the_fingerprint_is_that_of_the_conditioning(tiny_parts: XttsParts) -> None:
    def changed(change: Callable[[Any], object]) -> str:
        # Not its tokenizer: when somebody has spoken Japanese with it, it holds what cannot be copied.
        tokenizer = tiny_parts.model.tokenizer
        model = copy.deepcopy(tiny_parts.model, {id(tokenizer): tokenizer})
        change(model)
        return conditioning_fingerprint(model)

    assert changed(lambda model: None) == tiny_parts.fingerprint
    assert changed(lambda model: model.gpt.mel_head.bias.add_(1.0)) == tiny_parts.fingerprint
    assert changed(lambda model: setattr(model.config, "temperature", 0.1)) == tiny_parts.fingerprint
    assert changed(lambda model: model.mel_stats.add_(1.0)) != tiny_parts.fingerprint
    assert changed(lambda model: setattr(model.config, "gpt_cond_len", 12)) != tiny_parts.fingerprint


def test_another_format_of_what_is_stored_has_another_fingerprint(
    tiny_parts: XttsParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.engine.checkpoint.coqui.FORMAT", "another")
    assert conditioning_fingerprint(tiny_parts.model) != tiny_parts.fingerprint


def test_the_fingerprint_is_the_same_for_a_model_loaded_again(hollow: State, tmp_path: Path) -> None:
    first = load(save(tmp_path, hollow)).fingerprint
    in_another_order = {name: weight.clone() for name, weight in reversed(hollow.items())}
    assert load(save(tmp_path, in_another_order)).fingerprint == first


def test_nothing_is_said_of_what_xtts_does_not_use(tiny_checkpoint: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.process.engine.checkpoints import load;"
        "load(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-W", "error", "-c", program, str(tiny_checkpoint)]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("", "")
