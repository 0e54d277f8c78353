import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
import pytest

from streaming.engine.kernels import compiled
from streaming.engine.kernels.compiled import FOLDER, cache_key

PROJECT = FOLDER.parents[2]
FILES = sorted(path.name for path in FOLDER.glob("*.py"))
COMPILERS = ("numba", "llvmlite", "streaming.engine.kernels.compiled")
# The tests of the folder compile functions around what is to be tested.
ITS_TESTS = Path(__file__).parent
COMPILE = """
import numpy as np
from streaming.engine.kernels.row_arithmetic import widen
widen(np.uint16(1))
print(sum(widen.stats.cache_hits.values()))
"""


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The folder, to be changed."""
    return Path(shutil.copytree(FOLDER, tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__")))


def test_there_are_files_that_compile() -> None:
    assert {"compiled.py", "row_arithmetic.py", "int8_kernel.py", "filter_layers.py", "crew.py"} <= set(FILES)


def test_the_map_of_the_folder_names_every_file_that_has_something_in_it() -> None:
    named = re.findall(r"^\| `(\w+\.py)` \|", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert sorted(named) == [name for name in FILES if (FOLDER / name).stat().st_size]


@pytest.mark.parametrize("name", FILES)
def test_an_edit_of_any_file_changes_the_key(copied: Path, name: str) -> None:
    assert cache_key(copied) == cache_key()
    with (copied / name).open("a") as file:
        file.write("# edited\n")
    assert cache_key(copied) != cache_key()


def test_a_new_file_changes_the_key(copied: Path) -> None:
    (copied / "another.py").touch()
    assert cache_key(copied) != cache_key()


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (numba, "__version__", "99"),
        (llvmlite, "__version__", "99"),
        (np, "__version__", "99"),
        (compiled, "CPU_NAME", "another"),
        (compiled, "CPU_FEATURES", "+another"),
        (numba.config, "LOOP_VECTORIZE", 0),
    ],
)
def test_another_compiler_or_processor_changes_the_key(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, value: object
) -> None:
    before = cache_key()
    monkeypatch.setattr(owner, name, value)
    assert cache_key() != before


def test_other_packages_keep_their_code_where_they_kept_it() -> None:
    assert vars(numba.config)["CACHE_DIR"] == os.environ.get("NUMBA_CACHE_DIR", "")


def compile_one(cache: Path) -> int:
    """How many functions came from `cache`, in a process of its own."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-c", COMPILE]
    result = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    return int(result.stdout)


def test_code_is_kept_where_the_user_wants_it(tmp_path: Path) -> None:
    assert compile_one(tmp_path) == 0
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("row_arithmetic.widen-*.nbc")} == {
        f"numba-{cache_key()}"
    }
    assert compile_one(tmp_path) == 1


def test_a_place_that_cannot_be_written_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(compiled, "FOLDER", tmp_path / "file")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    assert compiled._cache_directory() == tmp_path / f"xtts-compiled-{os.getuid()}" / f"numba-{cache_key()}"
    (tmp_path / f"xtts-compiled-{os.getuid()}").chmod(0o777)
    assert compiled._cache_directory() is None


def reordering() -> list[Any]:
    """The functions whose sums of floats may be reordered."""
    modules = [importlib.import_module(f"streaming.engine.kernels.{Path(name).stem}") for name in FILES]
    functions = {
        id(found): found for module in modules for found in vars(module).values() if hasattr(found, "targetoptions")
    }
    return [function for function in functions.values() if function.targetoptions["fastmath"]]


def test_a_function_whose_sums_may_be_reordered_is_never_called_but_part_of_its_callers() -> None:
    """A call leads to the copy that was loaded first: to another one where the code was compiled just now, which adds up in
    another order. The same seed then gave other samples after the next start."""
    functions = reordering()
    assert {"normalise", "attend", "run_layers"} <= {function.__name__ for function in functions}
    assert [function.__name__ for function in functions if not function.targetoptions["forceinline"]] == []


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, or imports from."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def compiles(path: Path) -> bool:
    return any(name == compiler or name.startswith(f"{compiler}.") for name in imports(path) for compiler in COMPILERS)


def test_nothing_is_compiled_elsewhere() -> None:
    folders = ("streaming", "voices", "xtts_site", "benchmarks", "tests")
    compiling = [path for folder in folders for path in (PROJECT / folder).rglob("*.py") if compiles(path)]
    ours = [path for path in compiling if path.is_relative_to(FOLDER)]
    assert len(ours) >= 8
    assert [path for path in compiling if path not in ours and not path.is_relative_to(ITS_TESTS)] == []
