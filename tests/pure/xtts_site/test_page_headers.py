import pytest
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory

from xtts_site import page_headers
from xtts_site.config import get_config


async def answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@pytest.mark.parametrize(("seconds", "said"), [(600, "max-age=600"), (0, None)])
async def test_browsers_are_sent_to_tls_for_as_long_as_the_settings_say(
    seconds: int, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = get_config().service.model_copy(update={"hsts_seconds": seconds})
    monkeypatch.setattr(page_headers, "get_config", lambda: get_config().model_copy(update={"service": service}))
    middleware = page_headers.page_headers(answer)
    for secure, expected in ((True, said), (False, None)):
        request = AsyncRequestFactory().get("/docs", secure=secure, headers={"host": "speech.example"})
        response = await middleware(request)
        assert response.headers.get("Strict-Transport-Security") == expected
