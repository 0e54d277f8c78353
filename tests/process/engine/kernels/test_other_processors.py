"""The tests of this folder again, on code for older processors, as far as this one can run it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from llvmlite import binding

HERE = Path(__file__).parent
PROJECT = HERE.parents[3]
# What a processor must have to run the code for another; lanes of floats and of integers, and whether it multiplies and
# adds in one instruction.
PROCESSORS = {
    "x86-64": ("sse2", (4, 4, False)),
    "sandybridge": ("avx", (8, 4, False)),
    "haswell": ("avx2", (8, 8, True)),
    "skylake-avx512": ("avx512bw", (16, 16, True)),
}
LOOK = """
from streaming.engine.kernels import processor
print((processor.FLOAT_LANES, processor.INTEGER_LANES, processor.HAS_FUSED_MULTIPLY_ADD))
"""
INT8 = ("int8_product", "int8_kernel")
ALL = (*INT8, "attention", "float_kernels", "filter_layers", "row_arithmetic")


def run_for(name: str, features: str | None, *arguments: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """Python, with compiled code for the processor `name`. `features` None: those of this machine, as numba has it."""
    environment = {**os.environ, "NUMBA_CPU_NAME": name, "NUMBA_CACHE_DIR": str(cache)}
    if features is not None:
        environment["NUMBA_CPU_FEATURES"] = features
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)


def skip_unless_it_can_run(needed: str) -> None:
    if not binding.get_host_cpu_features().get(needed):
        pytest.skip(f"this processor has no {needed}")


@pytest.mark.parametrize("name", PROCESSORS)
def test_the_lanes_are_those_of_the_processor_that_is_compiled_for(name: str, tmp_path: Path) -> None:
    needed, expected = PROCESSORS[name]
    skip_unless_it_can_run(needed)
    assert run_for(name, "", "-c", LOOK, cache=tmp_path).stdout == f"{expected}\n"


def test_a_name_alone_leaves_the_features_of_this_machine(tmp_path: Path) -> None:
    """So numba takes it; its `generic` has none."""
    skip_unless_it_can_run("avx2")
    own = subprocess.run([sys.executable, "-c", LOOK], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert run_for("haswell", None, "-c", LOOK, cache=tmp_path).stdout == own.stdout
    assert run_for("generic", None, "-c", LOOK, cache=tmp_path).stdout == "(4, 4, False)\n"


# The newest differs from still newer ones in the products of integers only, for which it takes two instructions.
@pytest.mark.parametrize(("name", "files"), [("x86-64", ALL), ("haswell", ALL), ("skylake-avx512", INT8)])
def test_the_arithmetic_is_the_same(name: str, files: tuple[str, ...], pytestconfig: pytest.Config) -> None:
    skip_unless_it_can_run(PROCESSORS[name][0])
    # Compiled once and for all: what is kept is found again for the same sources and processor only.
    cache = pytestconfig.cache.mkdir("other-processors") / name
    paths = [str(HERE / f"test_{file}.py") for file in files]
    result = run_for(name, "", "-m", "pytest", "-p", "no:cacheprovider", *paths, cache=cache)
    assert result.returncode == 0, result.stdout
    assert any(cache.rglob("int8_kernel.run_head-*.nbc"))
