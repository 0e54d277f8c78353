from collections.abc import Iterator
from importlib.util import find_spec

import pytest

# PyTorch brings Triton on Linux alone.
if not find_spec("triton"):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="module")
def plain_kernels() -> Iterator[None]:
    """PyTorch's operations in place of the kernels."""
    from tests.process.engine.gpu.plain import replace_kernels

    with pytest.MonkeyPatch.context() as patch:
        replace_kernels(patch)
        yield


@pytest.fixture(scope="module")
def _one_thread() -> Iterator[None]:
    from tests.process.engine.stage import one_thread

    with one_thread():
        yield
