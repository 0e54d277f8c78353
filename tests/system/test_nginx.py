"""nginx in front of the server: it does TLS, and the server believes its headers."""

import re
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from elevenlabs import ElevenLabs
from websockets.asyncio.client import connect

from benchmarks.live_server import LiveServer, write_settings
from tests.live.client import receive_all, send
from tests.live.elevenlabs_client import speak
from tests.live.test_load_test import result_of
from tests.pure.voices.recordings import encoded, speech
from tests.system.nginx import nginx, nginx_command

# The client reads attributes that its own websocket library has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:ConnectionClosed.* is deprecated:DeprecationWarning")

TEXT = "Hello there. This comes through a proxy."
PCM = "?output_format=pcm_16000"


@pytest.fixture
def trust(authority: Path, nginx_port: int, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "authority.pem"))
    return ssl.create_default_context(cafile=str(authority / "authority.pem"))


@pytest.fixture
def web(nginx_port: int, trust: ssl.SSLContext) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"https://127.0.0.1:{nginx_port}", verify=trust, timeout=60) as client:
        yield client


@pytest.fixture
def client(nginx_port: int, web: httpx.Client) -> ElevenLabs:
    address = f"https://127.0.0.1:{nginx_port}"
    return ElevenLabs(base_url=address, api_key="no keys are needed here", httpx_client=web)


class HeadersTold(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        told = self.headers.as_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)


def socket_url(port: int, end: str = "stream-input") -> str:
    return f"wss://127.0.0.1:{port}/v1/text-to-speech/demo/{end}{PCM}"


def test_the_elevenlabs_client_speaks_over_its_socket(client: ElevenLabs) -> None:
    words = re.findall(r"\S+\s*", TEXT)
    assert len(speak(client, "demo", words, output_format="pcm_16000")) > 2 * 16_000


def test_the_elevenlabs_client_speaks_over_http(client: ElevenLabs) -> None:
    whole = b"".join(client.text_to_speech.convert("demo", text=TEXT, output_format="pcm_16000"))
    assert len(whole) > 2 * 16_000


def test_speech_comes_while_the_engine_still_speaks(client: ElevenLabs, behind_nginx: LiveServer) -> None:
    stream = client.text_to_speech.stream("demo", text=TEXT * 100, output_format="pcm_48000")
    assert next(stream)
    assert behind_nginx.readiness()["engine"]["running"] == 1
    stream.close()  # type: ignore[attr-defined]


async def test_contexts_come_through(nginx_port: int, trust: ssl.SSLContext) -> None:
    async with connect(socket_url(nginx_port, "multi-stream-input"), ssl=trust) as socket:
        await send(socket, text=f"{TEXT} ", context_id="one")
        await send(socket, context_id="one", flush=True, text="")
        await send(socket, close_socket=True)
        turn = await receive_all(socket)
    assert turn.pcm.size > 16_000
    assert turn.close_code == 1000


async def test_an_error_and_its_close_code_come_through(nginx_port: int, trust: ssl.SSLContext) -> None:
    async with connect(socket_url(nginx_port), ssl=trust) as socket:
        await socket.send("this is not JSON")
        turn = await receive_all(socket)
    assert turn.error
    assert (turn.error["error"], turn.close_code) == ("invalid_input_message", 1008)


async def test_a_client_cannot_give_itself_another_address(nginx_port: int, trust: ssl.SSLContext) -> None:
    """Four sockets for each address are allowed; nginx replaces what the client says of its own."""
    async with AsyncExitStack() as stack:
        for number in range(5):
            options: dict[str, Any] = {"ssl": trust, "additional_headers": {"X-Forwarded-For": f"10.0.0.{number}"}}
            last = await stack.enter_async_context(connect(socket_url(nginx_port), **options))
        refused = await receive_all(last)
    assert refused.error
    assert refused.error["error"] == "too_many_concurrent_requests"


def test_a_client_cannot_name_its_request(web: httpx.Client, behind_nginx: LiveServer, authority: Path) -> None:
    named = web.get("/v1/models", headers={"X-Request-ID": "somebody-elses"}).headers["request-id"]
    assert re.fullmatch("[0-9a-f]{32}", named)
    written, log = re.compile(rf'"GET /v1/models" 200 .* {named}$', re.MULTILINE), authority / "xtts.log"
    behind_nginx.wait_until(lambda: bool(written.search(log.read_text())))  # nginx answers first


def test_a_client_cannot_name_another_host(tmp_path: Path) -> None:
    """Behind nginx is a server that answers with the headers that it gets."""
    with ThreadingHTTPServer(("127.0.0.1", 0), HeadersTold) as behind:
        threading.Thread(target=behind.serve_forever).start()
        with nginx(behind.server_port, tmp_path) as port:
            trusted = ssl.create_default_context(cafile=str(tmp_path / "authority.pem"))
            sent = {"X-Forwarded-Host": "elsewhere.example", "X-Harmless": "passes"}
            told = httpx.get(f"https://127.0.0.1:{port}/", headers=sent, verify=trusted).text.lower()
        behind.shutdown()
    assert "x-harmless: passes" in told
    assert "elsewhere" not in told


async def test_a_page_of_the_proxys_host_gets_a_socket(nginx_port: int, trust: ssl.SSLContext) -> None:
    own: Any = f"https://127.0.0.1:{nginx_port}"
    async with connect(socket_url(nginx_port), ssl=trust, origin=own) as socket:
        await send(socket, text=f"{TEXT} ")
        await send(socket, text="")
        assert (await receive_all(socket)).pcm.size > 16_000


def test_an_administrator_signs_in_and_the_cookies_are_for_tls_only(web: httpx.Client) -> None:
    page = web.get("/admin/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token
    form = {"username": "ada", "password": "lovelace", "csrfmiddlewaretoken": token[1], "next": "/admin/"}
    signed_in = web.post("/admin/login/", data=form, headers={"Origin": str(web.base_url), "Referer": str(page.url)})
    assert signed_in.status_code == 302, signed_in.text
    cookies = signed_in.headers.get_list("set-cookie")
    assert len(cookies) >= 2
    assert all("Secure" in cookie for cookie in cookies)
    assert web.get("/admin/").status_code == 200


def test_a_large_recording_comes_through(web: httpx.Client) -> None:
    files = {"files": ("anna.wav", encoded(speech(60, rate=44_100, channels=2), rate=44_100), "audio/wav")}
    added = web.post("/v1/voices/add", data={"name": "Anna"}, files=files)
    assert added.status_code == 200, added.text
    assert web.delete(f"/v1/voices/{added.json()['voice_id']}").status_code == 200


def test_nginx_has_nothing_to_say_about_the_site(nginx_port: int, authority: Path) -> None:
    done = subprocess.run([*nginx_command(authority), "-t"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert len(lines) == 2, done.stderr
    assert all(line.endswith(("syntax is ok", "test is successful")) for line in lines)


def test_plain_http_leads_to_tls(nginx_port: int, authority: Path) -> None:
    plain = re.search(r"listen (127\.0\.0\.1:\d+);", (authority / "xtts.conf").read_text())
    assert plain
    answer = httpx.get(f"http://{plain[1]}/v1/models?x=1", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (308, "https://127.0.0.1/v1/models?x=1")


def test_an_upload_just_below_the_limit_is_judged_by_the_server(web: httpx.Client) -> None:
    """Five files of 19.8 MB each; the server allows 100 MB, and 20 MB for each file."""
    files = [("files", (f"{number}.wav", b"\0" * 19_800_000, "audio/wav")) for number in range(5)]
    answer = web.post("/v1/voices/add", data={"name": "Anna"}, files=files)
    assert answer.status_code == 400
    assert "0.wav: This file cannot be read as audio." in answer.json()["detail"]["message"]


def test_an_upload_above_the_limit_is_refused(web: httpx.Client) -> None:
    files = {"files": ("anna.wav", b"\0" * (101 * 2**20), "audio/wav")}
    assert web.post("/v1/voices/add", data={"name": "Anna"}, files=files).status_code == 413


def test_a_query_that_is_too_long_is_refused_by_the_server(web: httpx.Client) -> None:
    answer = web.get(f"/v1/models?x={'y' * 10_000}")
    assert (answer.status_code, answer.json()["detail"]["code"]) == (414, "query_too_long")


async def test_a_long_stream_is_the_same_as_without_the_proxy(
    nginx_port: int, trust: ssl.SSLContext, behind_nginx: LiveServer
) -> None:
    async def spoken(url: str, **options: Any) -> bytes:
        async with connect(f"{url}&seed=7&model_id=any", **options) as socket:
            await send(socket, text=f"{TEXT} " * 12)
            await send(socket, text="")
            turn = await receive_all(socket)
        assert turn.close_code == 1000
        return turn.pcm.tobytes()

    through = await spoken(socket_url(nginx_port), ssl=trust)
    assert len(through) > 2 * 16_000 * 20
    assert through == await spoken(behind_nginx.url("demo", PCM))


def test_what_a_client_sends_in_its_query_is_in_no_log(
    web: httpx.Client, behind_nginx: LiveServer, authority: Path
) -> None:
    assert web.get("/nowhere?authorization=sk_very_secret").status_code == 404
    named = web.get("/v1/models?authorization=sk_very_secret").headers["request-id"]
    behind_nginx.wait_until(lambda: named in (authority / "xtts.log").read_text())  # nginx answers first
    logs = [path.read_text() for path in authority.glob("*.log")]
    assert any("GET /nowhere" in log for log in logs)
    assert any(re.search(rf'"GET /v1/models" 200 .* {named}$', log, re.MULTILINE) for log in logs)
    assert "very_secret" not in "".join(logs)


def test_a_load_test_reaches_the_server_by_tls_and_measures_the_process_behind(
    behind_nginx: LiveServer, nginx_port: int, authority: Path, tmp_path: Path
) -> None:
    few = ("--rate", "1000", "--clients", "4", "--kinds", "native,http", "--grace", "120")
    trusted = ("--ca-file", str(authority / "authority.pem"), "--pid", str(behind_nginx.process.pid))
    result = result_of(write_settings(tmp_path), f"https://127.0.0.1:{nginx_port}", *few, *trusted)
    assert result["figures"]["ends"] == {"complete": 4}
    assert result["figures"]["by_kind"].keys() == {"native", "http"}
    assert result["server"]["processes"] >= 2
