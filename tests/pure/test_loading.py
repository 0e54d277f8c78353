import gc
from collections.abc import Iterator

import pytest

from streaming.engine.host import make_engine
from streaming.loading import imports_kept


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    """As it was, whatever a test makes of it."""
    yield
    gc.enable()


def test_nothing_is_collected_while_modules_are_imported() -> None:
    with imports_kept():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_was_imported_is_left_out_of_later_collections() -> None:
    before = gc.get_freeze_count()
    with imports_kept():
        kept = [[number] for number in range(1000)]
    assert gc.get_freeze_count() >= before + len(kept)


def test_a_failed_import_turns_the_collector_on_again() -> None:
    with pytest.raises(ImportError), imports_kept():
        raise ImportError
    assert gc.isenabled()


def test_where_nothing_is_collected_nothing_is_afterwards() -> None:
    gc.disable()
    with imports_kept():
        pass
    assert not gc.isenabled()


def test_the_module_of_an_engine_is_imported_so_and_the_engine_made_outside(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("engine")
    (folder / "engine_that_looks.py").write_text(
        "import gc\nat_import = gc.isenabled()\ndef make():\n    return at_import, gc.isenabled()\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    looked: object = make_engine("engine_that_looks:make", {})
    assert looked == (False, True)
