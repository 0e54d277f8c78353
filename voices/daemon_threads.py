"""Threads for work that may get stuck."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class TooMuchWork(Exception):
    """As much waits for the threads as may wait."""


class DaemonThreads(Executor):
    """At most `threads`, started when they are needed, do what is submitted, in order. Unlike those of the standard library
    they do not keep the process from ending, and no more than `most_waiting` calls wait for them. `within` makes the context
    that a thread works in, from its start to its end."""

    def __init__(
        self,
        name: str,
        threads: int,
        *,
        most_waiting: int = 1000,
        within: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._name = name
        self._most = threads
        self._most_waiting = most_waiting
        self._within = within
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._started = 0

    def submit(self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> "Future[_T]":
        """Raises TooMuchWork."""
        future: Future[_T] = Future()
        with self._lock:
            # What has been given up is still in the line until a thread comes to it.
            if self._work.qsize() >= self._most_waiting:
                raise TooMuchWork(f"{self._most_waiting} calls wait for the threads {self._name} already.")
            self._work.put((future, partial(function, *args, **kwargs)))
            if not self._idle.acquire(blocking=False) and self._started < self._most:
                self._started += 1
                threading.Thread(target=self._run, name=f"{self._name}-{self._started}", daemon=True).start()
        return future

    def _run(self) -> None:
        with self._within():
            while True:
                future, work = self._next()
                if future.set_running_or_notify_cancel():
                    _do(future, work)
                del future, work  # an idle thread keeps nothing alive

    def _next(self) -> "tuple[Future[Any], Callable[[], Any]]":
        try:
            return self._work.get_nowait()
        except Empty:
            self._idle.release()
            return self._work.get()


def _do(future: "Future[Any]", work: Callable[[], Any]) -> None:
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
