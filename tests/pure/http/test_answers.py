"""The language of what programs read."""

from typing import Any

from asgiref.sync import async_to_sync
from django.middleware.locale import LocaleMiddleware
from django.test import RequestFactory

from streaming.http.views import nothing_here


def test_an_answer_is_said_to_be_english_in_a_project_whose_pages_are_in_other_languages() -> None:
    respond: Any = LocaleMiddleware(nothing_here)
    request = RequestFactory().get("/v1/nothing", headers={"Accept-Language": "ru"})
    answer = async_to_sync(respond)(request)
    assert (answer.status_code, answer["Content-Language"]) == (404, "en")
