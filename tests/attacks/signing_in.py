"""The admin of a live server as its staff uses it."""

import re

import httpx

LOGIN = "/admin/login/"


def browser(base_url: str, address: str = "127.0.0.1", **headers: str) -> httpx.Client:
    """A browser at this address of the machine."""
    transport = httpx.HTTPTransport(local_address=address)
    return httpx.Client(base_url=base_url, transport=transport, timeout=60, headers=headers)


def form_token(client: httpx.Client) -> str:
    """That of any of the page's forms."""
    return str(re.findall(r'csrfmiddlewaretoken" value="(\w+)"', client.get(LOGIN).text)[0])


def sign_in(client: httpx.Client, name: str, password: str) -> httpx.Response:
    form = {"username": name, "password": password, "csrfmiddlewaretoken": form_token(client)}
    return client.post(LOGIN, data=form)
