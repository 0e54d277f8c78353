"""A server that can be made slow: a TCP proxy in front of it, which holds back all that it says."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self


class SlowProxy:
    """Listens at `port` as long as it is entered, and leads to `behind`, a port of this machine."""

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self._seconds = 0.0
        self._loop = asyncio.new_event_loop()
        self._serving: set[asyncio.Task[None]] = set()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.port: int = self._server.sockets[0].getsockname()[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """In here, each of its answers comes so much later."""
        self._seconds = seconds
        try:
            yield
        finally:
            self._seconds = 0.0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        answers, questions = await asyncio.open_connection("127.0.0.1", self._behind)
        await asyncio.gather(self._copy(reader, questions, is_held=False), self._copy(answers, writer, is_held=True))

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_held: bool) -> None:
        with suppress(OSError):
            try:
                while data := await source.read(65_536):
                    if is_held:
                        await asyncio.sleep(self._seconds)
                    target.write(data)
                    await target.drain()
            finally:
                target.close()

    async def _end(self) -> None:
        """Nobody connects any more, and whoever is still connected is cut off."""
        self._server.close()
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
