import pytest

from tests.pure.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()
