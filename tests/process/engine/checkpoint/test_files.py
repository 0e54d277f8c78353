import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streaming.engine.checkpoint.files import NEEDED_TOKENS, CheckpointError, CheckpointFiles, find_checkpoint
from tests.process.engine.stand_in import ARGUMENTS, CONFIG, write_json, write_stand_in, write_weights


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like a checkpoint to everybody but torch."""
    return write_stand_in(tmp_path)


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint(None, folder, None)
    return str(caught.value)


@pytest.mark.parametrize("name", ["", "model.pth"])
def test_the_other_files_lie_beside_the_model(folder: Path, name: str) -> None:
    write_weights(folder / "speakers_xtts.pth")
    assert find_checkpoint(None, folder / name, None) == CheckpointFiles(
        config=folder / "config.json",
        model=folder / "model.pth",
        vocab=folder / "vocab.json",
        speakers=folder / "speakers_xtts.pth",
    )


def test_a_checkpoint_needs_no_built_in_speakers(folder: Path) -> None:
    assert find_checkpoint(None, folder, None).speakers is None


def test_each_file_can_be_somewhere_else(folder: Path) -> None:
    config = (folder / "config.json").rename(folder / "mine.json")
    vocab = (folder / "vocab.json").rename(folder / "words.json")
    model = (folder / "model.pth").rename(folder / "best_model.pth")
    files = find_checkpoint(str(config), str(model), str(vocab))
    assert (files.config, files.model, files.vocab) == (config, model, vocab)


def test_a_folder_without_a_model_is_named_with_its_setting(folder: Path) -> None:
    (folder / "model.pth").unlink()
    assert refusal(folder) == f"{folder}/model.pth does not exist (model.checkpoint_path)."


@pytest.mark.parametrize(
    ("name", "setting"), [("config.json", "model.config_path"), ("vocab.json", "model.tokenizer_path")]
)
def test_a_missing_file_is_named_with_its_setting(folder: Path, name: str, setting: str) -> None:
    (folder / name).unlink()
    assert refusal(folder) == f"{folder / name} does not exist ({setting})."


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "model.pth"])
def test_a_folder_in_the_place_of_a_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()
    assert "is not a file" in refusal(folder)


def test_a_path_that_leads_through_a_file_is_refused(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        find_checkpoint(folder / "config.json" / "config.json", folder, None)


def test_a_name_that_no_file_can_have_is_refused(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read: File name too long"):
        find_checkpoint("x" * 300, folder, None)


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "model.pth"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "is only a Git LFS pointer"),
        (b"\n<!DOCTYPE html><html>", "is a web page"),
        (b"<html><head>", "is a web page"),
    ],
)
def test_what_stands_in_for_a_file_is_recognised(folder: Path, name: str, content: bytes, told: str) -> None:
    (folder / name).write_bytes(content)
    assert f"{folder / name} {told}" in refusal(folder)


def test_weights_in_another_format_are_refused(folder: Path) -> None:
    (folder / "model.pth").write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")
    assert "is not a file that torch.save wrote in its zip format" in refusal(folder)


def test_half_a_download_is_refused(folder: Path) -> None:
    weights = folder / "model.pth"
    weights.write_bytes(weights.read_bytes()[:60])
    assert "is damaged or incomplete" in refusal(folder)


def test_any_other_archive_is_refused(folder: Path) -> None:
    with zipfile.ZipFile(folder / "model.pth", "w") as archive:
        archive.writestr("holiday.jpg", b"sun")
    assert "is a zip archive, but not one that torch.save wrote" in refusal(folder)


def test_damaged_speakers_are_refused(folder: Path) -> None:
    (folder / "speakers_xtts.pth").write_bytes(b"no")
    assert "the built-in voices beside model.pth" in refusal(folder)


@pytest.mark.parametrize("name", ["config.json", "vocab.json"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe{}", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is JSON, but not an object"),
    ],
)
def test_a_file_that_is_no_json_object_is_refused(folder: Path, name: str, content: bytes, told: str) -> None:
    (folder / name).write_bytes(content)
    assert told in refusal(folder)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({}, 'its `model` is not "xtts"'),
        ({**CONFIG, "model": "vits"}, 'its `model` is not "xtts"'),
        ({"model": "xtts"}, "it has no `model_args`"),
        ({"model": "xtts", "model_args": None}, "it has no `model_args`"),
        ({"model": "xtts", "model_args": {}}, "describes XTTS v1"),
        ({"model": "xtts", "model_args": {"gpt_use_perceiver_resampler": False}}, "describes XTTS v1"),
    ],
)
def test_the_config_of_another_model_is_refused(folder: Path, config: Any, told: str) -> None:
    write_json(folder / "config.json", config)
    assert told in refusal(folder)


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ({"output_sample_rate": 44100}, "sets output_sample_rate to 44100: only 24000 is supported"),
        ({"input_sample_rate": 16000}, "sets input_sample_rate to 16000: only 22050 is supported"),
        ({"output_hop_length": 512}, "sets output_hop_length to 512: only 256 is supported"),
        ({"gpt_code_stride_len": None}, "sets gpt_code_stride_len to None: only 1024 is supported"),
        ({"decoder_input_dim": 512}, "sets decoder_input_dim to a value other than gpt_n_model_channels (1024)"),
    ],
)
def test_numbers_that_no_xtts_has_are_refused(folder: Path, argument: dict[str, Any], told: str) -> None:
    write_json(folder / "config.json", {"model": "xtts", "model_args": ARGUMENTS | argument})
    assert told in refusal(folder)


@pytest.mark.parametrize("vocabulary", [{}, {"model": []}, {"model": {"vocab": []}}, {"model": {"vocab": {}}}])
def test_what_is_no_bpe_vocabulary_is_refused(folder: Path, vocabulary: Any) -> None:
    write_json(folder / "vocab.json", vocabulary)
    assert "is not a BPE vocabulary of the tokenizers library" in refusal(folder)


def test_the_vocabulary_of_another_model_is_refused(folder: Path) -> None:
    write_json(folder / "vocab.json", {"model": {"vocab": {"[START]": 0, "a": 1}, "merges": []}})
    assert "it has no token [STOP]" in refusal(folder)


def test_tokens_may_have_been_added_to_a_vocabulary(folder: Path) -> None:
    added: list[dict[str, object]] = [{"content": token, "id": index} for index, token in enumerate(NEEDED_TOKENS)]
    write_json(folder / "vocab.json", {"model": {"vocab": {}, "merges": []}, "added_tokens": added})
    assert find_checkpoint(None, folder, None).vocab == folder / "vocab.json"


@pytest.mark.parametrize(
    "break_it",
    [lambda folder: (folder / "config.json").unlink(), lambda folder: (folder / "vocab.json").write_text("{}")],
)
def test_a_refusal_is_one_sentence(folder: Path, break_it: Callable[[Path], None]) -> None:
    break_it(folder)
    told = refusal(folder)
    assert told.endswith(".")
    assert "\n" not in told


def test_looking_at_a_checkpoint_loads_nothing_heavy(folder: Path) -> None:
    program = (
        "import sys; from streaming.engine.checkpoint.files import find_checkpoint;"
        "find_checkpoint(None, sys.argv[1], None); print(sorted({'torch', 'TTS', 'numpy', 'tokenizers'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, str(folder)]
    root = Path(__file__).resolve().parents[4]
    assert subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout == "[]\n"
