"""Two whole servers behind the site of deploy/nginx, each with a data folder of its own. PostgreSQL, Redis and a folder of
recordings are all that they share."""

import asyncio
import json
import re
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from benchmarks.live_server import manage, write_settings
from tests.live.client import Turn, receive_all, receive_turn, send
from tests.live.keys import make_keys
from tests.live.redis_server import RedisServer
from tests.live.test_changes import SUPERUSER, spoken
from tests.live.test_voices import CloningServer
from tests.process.engine.cloning_engine import noted
from tests.pure.voices.recordings import recording
from tests.system.nginx import nginx, nginx_command, write_site
from tests.system.postgres import Cluster

STREAMS, CHARS_PER_MINUTE = 6, 3000
# Utterances of a stream, after a first one that names it. At the second one, engines can be held.
HELD = "Here it waits."
REST = (HELD, "This is the last one.")
PCM = "?mode=generate&output_format=pcm_16000"


@dataclass
class Nodes:
    one: CloningServer
    two: CloningServer
    port: int
    trust: ssl.SSLContext
    redis_server: RedisServer
    folder: Path
    keys: dict[str, str] = field(default_factory=dict)
    voice_id: str = ""

    @property
    def both(self) -> tuple[CloningServer, CloningServer]:
        return self.one, self.two

    @property
    def prepared(self) -> int:
        return sum(node.prepared() for node in self.both)

    def headers(self, key: str) -> dict[str, str]:
        return {"xi-api-key": self.keys[key]}

    def client(self, key: str) -> httpx.AsyncClient:
        """Through nginx."""
        address = f"https://127.0.0.1:{self.port}"
        return httpx.AsyncClient(base_url=address, verify=self.trust, headers=self.headers(key), timeout=60)

    def socket(self, key: str) -> Any:
        """Through nginx."""
        url = f"wss://127.0.0.1:{self.port}/v1/text-to-speech/{self.voice_id}/stream-input{PCM}"
        return connect(url, ssl=self.trust, additional_headers=self.headers(key))

    async def leave_to(self, *nodes: CloningServer) -> None:
        """Have nginx give all that is new to these, as docs/deployment.md says."""
        others = {node.port for node in self.both if node not in nodes}
        write_site(self.folder, self.port, *(node.port for node in self.both), down=others)
        before = self._workers()
        await asyncio.to_thread(subprocess.run, [*nginx_command(self.folder), "-s", "reload"], check=True)
        async with asyncio.timeout(60):
            while self._workers() & before:  # the old ones take nothing any more
                await asyncio.sleep(0.02)

    def _workers(self) -> set[int]:
        """Of nginx, those that take connections."""
        master = int((self.folder / "nginx.pid").read_text())
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        return {int(pid) for pid in children if b"shutting down" not in Path(f"/proc/{pid}/cmdline").read_bytes()}

    def make_key(self, name: str, **fields: Any) -> str:
        self.keys |= make_keys(self.two, **{name: fields})
        return name


@pytest.fixture(scope="module")
def nodes(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """One on each of the web servers. The key "load" may do anything."""
    folder = tmp_path_factory.mktemp("nodes")
    with ExitStack() as running:
        redis_server = running.enter_context(RedisServer(folder))
        sections: dict[str, Any] = {
            "database_url": cluster.new_database("nodes"),
            "redis_url": redis_server.url,
            "storage": {"folder": str(folder / "recordings")},
            "access": {"require_keys": True},
            # A machine that is busy with tests is no Redis that is away.
            "limits": {"max_chars_per_minute": CHARS_PER_MINUTE, "redis_answer_seconds": 20},
        }
        started = []
        for program in ("uvicorn", "daphne"):
            (folder / program).mkdir()
            service = {
                "server": program,
                "secret_key": "the same for all servers of an installation",
                "behind_tls_proxy": True,
                "allowed_hosts": ["127.0.0.1"],
                "max_concurrency": 32,
                "drain_seconds": 300,
            }
            path = write_settings(folder / program, service=service, **sections)
            started.append(running.enter_context(CloningServer(path, folder / program / "engine")))
        port = running.enter_context(nginx(started[0].port, folder, started[1].port))
        trust = ssl.create_default_context(cafile=str(folder / "authority.pem"))
        nodes = Nodes(started[0], started[1], port, trust, redis_server, folder)
        made = manage(nodes.two.settings_file, "shell", "-c", SUPERUSER)
        assert made.returncode == 0, made.stderr
        nodes.make_key("load", may_manage_voices=True)
        nodes.voice_id = add_voice(nodes, 300)
        yield nodes


def add_voice(nodes: Nodes, pitch: int) -> str:
    """Through nginx, so by either of them."""
    files = {"files": ("a.wav", recording(pitch=pitch), "audio/wav")}
    url = f"https://127.0.0.1:{nodes.port}/v1/voices/add"
    options: dict[str, Any] = {"headers": nodes.headers("load"), "verify": nodes.trust, "timeout": 60}
    added = httpx.post(url, data={"name": "Anna"}, files=files, **options)
    assert added.status_code == 200, added.text
    return str(added.json()["voice_id"])


class Stream:
    """A turn on a socket through nginx, which is read until it ends."""

    def __init__(self, name: str, socket: Any) -> None:
        self.name = name
        self.socket = socket
        self.heard = Turn()
        self.end = asyncio.create_task(self._read())

    @property
    def is_running(self) -> bool:
        return not self.end.done()

    @property
    def is_in(self) -> bool:
        return bool(self.heard.packets)

    @property
    def is_refused(self) -> bool:
        return (self.heard.error or {}).get("error") == "too_many_concurrent_requests"

    def is_on(self, node: CloningServer) -> bool:
        """Whether the engine of that node was given its first text."""
        return any(note["text"].startswith(self.name) for note in noted(node.folder, "submit"))

    async def say(self) -> None:
        for text in (f"{self.name}begins.", *REST):
            await send(self.socket, text=text, flush=True)
        await send(self.socket, text="")

    async def is_whole(self, expected: bytes) -> bool:
        """Wait for its end."""
        await self.end
        return self.heard.is_final and self.heard.pcm.tobytes() == expected

    async def _read(self) -> None:
        try:
            while not (self.heard.is_final or self.heard.error):
                self.heard.messages.append(json.loads(await self.socket.recv()))
        except ConnectionClosed:
            self.heard.close_code = self.socket.close_code


class Streams:
    """Streams of one key, which engines hold when they have begun."""

    def __init__(self, nodes: Nodes, key: str, closing: AsyncExitStack) -> None:
        self._nodes = nodes
        self._key = key
        self._closing = closing
        self._begun = 0

    async def begin(self, number: int = 1) -> list[Stream]:
        """They ask at the same time; then it is known who is let in."""
        streams = await asyncio.gather(*(self._ask() for _ in range(number)))
        async with asyncio.timeout(120):
            while not all(stream.is_in or not stream.is_running for stream in streams):
                await asyncio.sleep(0.05)
        return list(streams)

    async def let_in(self, number: int) -> list[Stream]:
        """Ask until so many have been let in."""
        found: list[Stream] = []
        async with asyncio.timeout(120):
            while len(found) < number:
                found += [stream for stream in await self.begin() if stream.is_running]
        return found

    async def spread(self) -> list[Stream]:
        """As many as are allowed, on both nodes."""
        found: list[Stream] = []
        async with asyncio.timeout(120):
            while True:
                found += await self.let_in(STREAMS - len(found))
                if all(any(stream.is_on(node) for stream in found) for node in self._nodes.both):
                    return found
                await found.pop().socket.close()

    async def _ask(self) -> Stream:
        self._begun += 1
        socket = await self._closing.enter_async_context(self._nodes.socket(self._key))
        stream = Stream(f"{self._key} {self._begun} ", socket)
        await stream.say()
        return stream


@asynccontextmanager
async def held(nodes: Nodes, key: str) -> AsyncIterator[Streams]:
    """Within it, no engine goes on with a stream that has begun, until its file `hold-speech` is gone."""
    for node in nodes.both:
        (node.folder / "hold-speech").write_text(HELD)
    async with AsyncExitStack() as closing:
        try:
            yield Streams(nodes, key, closing)
        finally:
            go_on(nodes)


def go_on(nodes: Nodes) -> None:
    for node in nodes.both:
        (node.folder / "hold-speech").unlink(missing_ok=True)


async def whole(nodes: Nodes) -> bytes:
    """What one hears of a stream that nothing happens to."""
    async with nodes.socket("load") as socket:
        stream = Stream("load 0 ", socket)
        await stream.say()
        await stream.end
    assert stream.heard.is_final
    assert stream.heard.pcm.size == 3 * 16_000 // 5
    return stream.heard.pcm.tobytes()


@asynccontextmanager
async def load(nodes: Nodes) -> AsyncIterator[list[int]]:
    """Requests through nginx all the time, each on a connection of its own. Yields the statuses of their answers."""
    statuses: list[int] = []

    async def ask() -> None:
        async with nodes.client("load") as client:
            while True:
                answer = await client.get("/v1/models", headers={"Connection": "close"})
                statuses.append(answer.status_code)
                await asyncio.sleep(0.02)

    tasks = [asyncio.create_task(ask()) for _ in range(3)]
    try:
        yield statuses
    finally:
        assert not any(task.done() for task in tasks), [task.exception() for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def counts(streams: list[Stream]) -> tuple[int, int]:
    """How many were let in, and how many refused because there were too many."""
    let_in, refused = sum(stream.is_running for stream in streams), sum(stream.is_refused for stream in streams)
    assert let_in + refused == len(streams)
    return let_in, refused


# What both do together


async def test_streams_and_characters_of_a_key_count_over_both(nodes: Nodes) -> None:
    nodes.make_key("streams", max_concurrent_streams=STREAMS)
    nodes.make_key("characters")
    async with held(nodes, "streams") as streams:
        assert counts(await streams.begin(2 * STREAMS)) == (STREAMS, STREAMS)
    text, began = "ab" * 50, time.monotonic()
    async with nodes.client("characters") as client:
        path = f"/v1/text-to-speech/{nodes.voice_id}"
        answers = await asyncio.gather(*(client.post(path, json={"text": text}) for _ in range(60)))
    seconds = time.monotonic() - began
    spoken_characters = len(text) * sum(answer.status_code == 200 for answer in answers)
    assert {answer.status_code for answer in answers} == {200, 429}
    assert CHARS_PER_MINUTE <= spoken_characters <= CHARS_PER_MINUTE * (1 + seconds / 60)


async def test_a_voice_is_prepared_by_one_and_ready_for_both(nodes: Nodes) -> None:
    before = nodes.prepared
    nodes.voice_id = await asyncio.to_thread(add_voice, nodes, 320)
    await nodes.one.until(lambda: nodes.prepared > before)
    for node in nodes.both:
        async with node.connect(nodes.voice_id, PCM, additional_headers=nodes.headers("load")) as socket:
            await send(socket, text="Hello there.")
            await send(socket, text="")
            assert (await receive_turn(socket)).is_final
    assert nodes.prepared == before + 1


async def test_a_key_that_is_disabled_ends_its_sockets_on_both(nodes: Nodes) -> None:
    nodes.make_key("going")
    async with AsyncExitStack() as closing:
        sockets = [
            await closing.enter_async_context(
                node.connect(nodes.voice_id, PCM, additional_headers=nodes.headers("going"))
            )
            for node in nodes.both
        ]
        code = "from streaming.access.models import ApiKey; ApiKey.objects.filter(name='going').update(enabled=False)"
        done = await asyncio.to_thread(manage, nodes.one.settings_file, "shell", "-v", "0", "-c", code)
        assert done.returncode == 0, done.stderr
        turns = await asyncio.wait_for(asyncio.gather(*map(receive_all, sockets)), 60)
    assert [((turn.error or {}).get("error"), turn.close_code) for turn in turns] == [("invalid_api_key", 1008)] * 2


def test_who_signs_in_at_one_is_signed_in_at_both_and_hears_voices_by_the_other(nodes: Nodes) -> None:
    address = f"https://127.0.0.1:{nodes.port}"
    with httpx.Client(base_url=address, verify=nodes.trust, timeout=60, follow_redirects=True) as web:
        web.get("/admin/login/")
        form = {"username": "ada", "password": "lovelace", "csrfmiddlewaretoken": web.cookies["csrftoken"]}
        page = web.post("/admin/login/?next=/admin/voices/voice/", data=form, headers={"Referer": address})
        assert page.status_code == 200
        cookie = f"sessionid={web.cookies['sessionid']}"
        for node in nodes.both:
            headers = {"Cookie": cookie, "X-Forwarded-Proto": "https"}
            answer = httpx.get(f"{node.base_url}/admin/voices/voice/", headers=headers, timeout=60)
            assert answer.status_code == 200
        hear = re.findall(r'data-hear="([^"]+)"', page.text)
        # nginx gives each request to another one, so that most tickets are from one, and used at the other.
        assert all(spoken(web, hear[0]) > 0 for _ in range(4))


async def test_what_is_published_at_one_is_heard_at_the_other(nodes: Nodes) -> None:
    nodes.make_key("listening", forward_prefixes="sess:")
    publish = """
import asyncio, numpy as np
from streaming.forwarding import Publisher
async def play():
    publisher = Publisher("sess:nodes", 16_000)
    await publisher.send(np.full(16_000, 0.25, dtype=np.float32))
    await publisher.finish()
asyncio.run(play())
"""
    url = f"wss://127.0.0.1:{nodes.port}/v1/text-to-speech/{nodes.voice_id}/stream-input"
    query = "?mode=forward&output_format=pcm_16000&target_lead_ms=5000&audio_channel=sess:nodes"
    async with connect(f"{url}{query}", ssl=nodes.trust, additional_headers=nodes.headers("listening")) as socket:
        await send(socket, type="ttsInitRequest")
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(nodes.redis_server.subscribers, "sess:nodes"):
                await asyncio.sleep(0.05)
        for node in nodes.both:
            done = await asyncio.to_thread(manage, node.settings_file, "shell", "-v", "0", "-c", publish)
            assert done.returncode == 0, done.stderr
            turn = await asyncio.wait_for(receive_turn(socket), 60)
            assert (turn.pcm.size, turn.is_final) == (16_000, True)


# One of them ends


async def test_when_one_is_killed_what_ran_on_it_is_lost_and_nothing_else(nodes: Nodes) -> None:
    nodes.make_key("killed", max_concurrent_streams=STREAMS)
    expected = await whole(nodes)
    async with load(nodes) as statuses, held(nodes, "killed") as streams:
        begun = await streams.spread()
        assert counts(await streams.begin(STREAMS)) == (0, STREAMS)
        lost = [stream for stream in begun if stream.is_on(nodes.one)]
        nodes.one.process.kill()
        await asyncio.gather(*(stream.end for stream in lost))
        assert [stream.heard.close_code for stream in lost] == [1006] * len(lost)
        others = await streams.let_in(len(lost))  # as soon as its places are free
        assert counts(await streams.begin(3)) == (0, 3)
        staying = [stream for stream in begun if stream not in lost] + others
        assert all(stream.is_on(nodes.two) for stream in staying)
        assert all(stream.is_running for stream in staying)
        go_on(nodes)
        assert all([await stream.is_whole(expected) for stream in staying])
    nodes.one.process.wait()
    nodes.one.__enter__()
    assert set(statuses) == {200}


async def test_when_one_is_drained_its_streams_end_whole_and_new_ones_go_to_the_other(nodes: Nodes) -> None:
    nodes.make_key("drained", max_concurrent_streams=STREAMS)
    expected = await whole(nodes)
    async with load(nodes) as statuses, held(nodes, "drained") as streams:
        begun = await streams.spread()
        assert counts(await streams.begin(STREAMS)) == (0, STREAMS)
        ending = [stream for stream in begun if stream.is_on(nodes.two)]
        await nodes.leave_to(nodes.one)
        nodes.two.process.terminate()
        await nodes.one.until(lambda: not nodes.two.readiness()["ready"])
        assert counts(await streams.begin(3)) == (0, 3)  # those that end still count
        (nodes.two.folder / "hold-speech").unlink()
        assert all([await stream.is_whole(expected) for stream in ending])
        for stream in ending:
            await stream.socket.close()
        assert await asyncio.to_thread(nodes.two.process.wait, 120) == 0
        others = await streams.let_in(len(ending))
        assert all(stream.is_on(nodes.one) for stream in others)
        assert counts(await streams.begin(3)) == (0, 3)
        go_on(nodes)
        assert all([await stream.is_whole(expected) for stream in (*begun, *others)])
    nodes.two.__enter__()
    await nodes.leave_to(*nodes.both)
    assert set(statuses) == {200}
