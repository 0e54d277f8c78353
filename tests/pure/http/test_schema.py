from collections.abc import Iterator

import pytest
from django.urls import get_script_prefix, set_script_prefix

from streaming.http.api import api


@pytest.fixture
def mounted() -> Iterator[None]:
    before = get_script_prefix()
    yield
    set_script_prefix(before)


@pytest.mark.usefixtures("mounted")
def test_what_one_request_says_of_its_path_is_in_no_other_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """With daphne it is a header of the client's, and the schema is made once for all."""
    monkeypatch.setattr(api, "_schema", None)
    set_script_prefix("/evil/")
    assert all(path.startswith("/evil/v") for path in api.get_openapi_schema()["paths"])
    set_script_prefix("/")
    assert all(path.startswith("/v") for path in api.get_openapi_schema()["paths"])
