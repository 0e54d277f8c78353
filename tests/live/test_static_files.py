"""What browsers load beside the pages themselves."""

import httpx
import pytest

from benchmarks.live_server import LiveServer

pytestmark = pytest.mark.both_servers

STYLE = "/static/admin/css/base.css"


def get(server: LiveServer, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{server.base_url}{path}", headers=headers, timeout=30)


def test_browsers_find_an_icon_where_they_look_for_one(server: LiveServer) -> None:
    icon = get(server, "/favicon.ico")
    assert icon.status_code == 200
    assert icon.headers["Content-Type"] in ("image/x-icon", "image/vnd.microsoft.icon")
    assert icon.content.startswith(b"\0\0\1\0")


def test_static_files_are_served_without_a_warning(server: LiveServer) -> None:
    style = get(server, STYLE)
    assert style.status_code == 200
    assert style.headers["Content-Type"] == 'text/css; charset="utf-8"'
    assert len(style.content) == int(style.headers["Content-Length"]) > 1000
    assert "StreamingHttpResponse must consume" not in server.log


def test_a_part_of_a_static_file_can_be_asked_for(server: LiveServer) -> None:
    whole, part = get(server, STYLE), get(server, STYLE, range="bytes=10-19")
    assert (part.status_code, part.content) == (206, whole.content[10:20])


def test_a_browser_that_has_the_file_is_told_so(server: LiveServer) -> None:
    etag = get(server, STYLE).headers["ETag"]
    again = get(server, STYLE, **{"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


def test_only_the_head_of_a_static_file_can_be_asked_for(server: LiveServer) -> None:
    head = httpx.head(f"{server.base_url}{STYLE}", timeout=30)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["Content-Length"]) > 1000
