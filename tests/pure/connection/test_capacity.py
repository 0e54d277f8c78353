import pytest

from streaming.connection.capacity import LEAST, OTHER_FILES, Capacity

ASKED = Capacity(sockets=512, responses=512, requests=256, strangers=128)


def test_with_many_files_there_is_room_for_all_that_was_asked() -> None:
    assert ASKED.within(20_000) == ASKED


@pytest.mark.parametrize("files", [200, 300, 1024])
def test_all_of_them_together_fit_into_the_files_that_there_are(files: int) -> None:
    possible = ASKED.within(files)
    # daphne keeps the body of a request in a file; and beside the responses that speak there are as many others.
    http = 2 * possible.requests + 2 * possible.responses
    assert possible.sockets + http + possible.strangers <= files - OTHER_FILES


def test_there_is_always_room_for_somebody() -> None:
    assert ASKED.within(10) == Capacity(2 * LEAST, LEAST // 2, LEAST // 2, LEAST)
