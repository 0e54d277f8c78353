"""A name by which nobody may call the server."""

import pytest
from django.test import Client

HOST = "<script>.example"


@pytest.mark.parametrize("host", ["speech.lan", "192.0.2.7", HOST, "a\rb"])
def test_a_browser_is_told_what_to_do(host: str) -> None:
    answer = Client().get("/admin/", headers={"host": host, "accept": "text/html,*/*;q=0.8"})
    assert (answer.status_code, answer["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "service.allowed_hosts" in answer.text
    assert host not in answer.text


def test_a_program_is_told_in_one_line() -> None:
    answer = Client().get("/admin/", headers={"host": HOST, "accept": "*/*", "accept-language": "ru"})
    assert (answer.status_code, answer["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert "service.allowed_hosts" in answer.text
    assert answer.text.isascii()
    assert HOST not in answer.text


def test_a_browser_is_told_in_its_language() -> None:
    answer = Client().get("/admin/", headers={"host": HOST, "accept": "text/html", "accept-language": "ru"})
    assert "Сервер не знает этого имени" in answer.text
