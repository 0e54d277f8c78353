"""The policy of the API's page, wherever a project has its static files."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from pytest_django import Settings

from streaming.http.page_policy import HEADER, policy, with_policy


def page(_: HttpRequest, **headers: str) -> HttpResponse:
    return HttpResponse(headers=headers)


@pytest.mark.parametrize(
    ("static_url", "script_src"),
    [
        ("static/", "script-src 'self'"),
        ("/assets/", "script-src 'self'"),
        ("https://cdn.example:8443/assets/", "script-src 'self' https://cdn.example:8443"),
        ("//cdn.example/", "script-src 'self' cdn.example"),
    ],
)
def test_static_files_may_come_from_where_the_project_has_them(
    settings: Settings, static_url: str, script_src: str
) -> None:
    settings.STATIC_URL = static_url
    # The storage has read the setting before.
    settings.STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    assert script_src in with_policy(page)(HttpRequest())[HEADER].split("; ")


def test_a_policy_that_a_page_has_is_its_own() -> None:
    response = with_policy(lambda request: page(request, **{HEADER: "default-src 'self'"}))(HttpRequest())
    assert response[HEADER] == "default-src 'self'"


def test_the_page_of_a_project_without_its_files_keeps_what_it_loads(settings: Settings) -> None:
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "ninja"]
    assert HEADER not in with_policy(page)(HttpRequest())


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_the_pages_of_the_api_have_it(client: Client, path: str) -> None:
    assert client.get(path)[HEADER] == policy()
