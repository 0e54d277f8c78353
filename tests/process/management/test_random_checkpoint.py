import tempfile
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from streaming.engine.checkpoint.files import find_checkpoint


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="xtts-tiny-") as name:
        yield Path(name)


@pytest.mark.parametrize("name", ["config.json", "model.pth", "vocab.json", "speakers_xtts.pth"])
def test_it_does_not_touch_a_checkpoint_that_is_there(folder: Path, name: str) -> None:
    (folder / name).write_text("precious")
    with pytest.raises(CommandError, match=f"already contains {name}.*--force"):
        call_command("random_checkpoint", str(folder), size="tiny")
    assert [path.name for path in folder.iterdir()] == [name]
    assert (folder / name).read_text() == "precious"


def test_it_replaces_one_when_told_to(folder: Path) -> None:
    (folder / "model.pth").write_text("precious")
    out = StringIO()
    call_command("random_checkpoint", str(folder), size="tiny", force=True, stdout=out)
    assert out.getvalue() == f"Wrote a tiny checkpoint with random weights into {folder}.\n"
    assert find_checkpoint(None, folder, None).speakers == folder / "speakers_xtts.pth"


def test_a_folder_that_cannot_be_made_is_said(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(CommandError, match=r"file/model cannot be written: Not a directory\."):
        call_command("random_checkpoint", str(folder / "file" / "model"), size="tiny")
