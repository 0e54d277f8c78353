from collections.abc import Iterator

import pytest
from django.urls import get_script_prefix, set_script_prefix

from streaming.http.api import api


@pytest.fixture
def mounted() -> Iterator[None]:
    before = get_script_prefix()
    yield
    set_script_prefix(before)


@pytest.mark.parametrize("root", ["/evil", "//evil.example", "/a b", "/é", "/100%", "/%2F"])
@pytest.mark.usefixtures("mounted")
def test_what_one_request_says_of_its_path_is_in_no_other_schema(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With daphne it is a header of the client's, and the schema is made once for all."""
    monkeypatch.setattr(api, "_schema", None)
    set_script_prefix(f"{root}/")
    assert all(path.startswith(f"{root}/v") for path in api.get_openapi_schema()["paths"])
    set_script_prefix("/")
    assert all(path.startswith("/v") for path in api.get_openapi_schema()["paths"])
