"""The metrics of one server process, in a registry of their own: what the project around it measures is left alone."""

import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from streaming.dispatch.executor import Executor
from streaming.measures.speech_figures import PREPARATIONS, SpeechFigures
from streaming.metrics.engine_metrics import engine_metrics
from streaming.metrics.families import PREFIX, counter, gauge, histogram
from streaming.metrics.garbage_watch import GarbageWatch
from streaming.metrics.loop_watch import LoopWatch
from streaming.metrics.session_figures import SessionFigures
from streaming.metrics.session_metrics import session_metrics

OPENMETRICS = "application/openmetrics-text"
# Of a whole text in OpenMetrics.
END = b"# EOF\n"
PAUSE_SECONDS = 0.0001


class ServerMetrics(Collector):
    """Counts nothing by itself: reads what the parts of the server have counted when it is asked, in any thread. It may be
    registered elsewhere as well. `strangers`: how many sockets are open whose client has not said who it is;
    `dropped_messages`: see `Forwarding`."""

    def __init__(self, executor: Executor, strangers: Callable[[], int], dropped_messages: Callable[[], int]) -> None:
        self.speech = SpeechFigures()
        self.sessions = SessionFigures()
        self._executor = executor
        self._strangers = strangers
        self._dropped_messages = dropped_messages
        self._loop = LoopWatch()
        self._garbage = GarbageWatch()
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(namespace=PREFIX.rstrip("_"), registry=self.registry)

    def start(self) -> None:
        """On the event loop."""
        self._loop.start()
        self._garbage.start()

    def stop(self) -> None:
        self._loop.stop()
        self._garbage.stop()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics in the format that a client accepts, and its media type. To be called in a thread: it takes some
        milliseconds, and after each metric it pauses, so that the event loop can go on."""
        encode, media_type = choose_encoder(accept)
        parts = []
        for metric in self.registry.collect():
            parts.append(encode(_One(metric)).removesuffix(END))
            time.sleep(PAUSE_SECONDS)
        return b"".join(parts) + (END if media_type.startswith(OPENMETRICS) else b""), media_type

    def describe(self) -> list[Metric]:
        """Nothing: the registry would ask for everything, at a time when nothing is there yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        yield from session_metrics(self.sessions, self._strangers())
        yield from engine_metrics(self._executor)
        yield from self._speech_metrics()
        yield from self._process_metrics()

    def _speech_metrics(self) -> Iterator[Metric]:
        speech = self.speech
        yield histogram("packet_lateness_seconds", "How long after its time a paced packet was sent.", speech.lateness)
        yield counter(
            "voice_preparations",
            "Voices that were to be prepared, by what has become of it.",
            {(result,): speech.preparations[result] for result in PREPARATIONS},
            ("result",),
        )
        yield histogram(
            "voice_preparation_seconds", "Time that the engine took to prepare a voice.", speech.preparation_seconds
        )
        yield counter(
            "forward_dropped_messages",
            "Messages of forward mode that could not be decoded.",
            self._dropped_messages(),
        )

    def _process_metrics(self) -> Iterator[Metric]:
        yield histogram(
            "event_loop_lag_seconds", "How late the event loop did what it had to do every 50 ms.", self._loop.lag
        )
        yield gauge(
            "event_loop_overdue_seconds", "For how long the event loop stands still now.", self._loop.overdue_seconds
        )
        yield histogram(
            "gc_pause_seconds",
            "Time of one search for reference cycles, in which nothing else runs, by the oldest generation in it.",
            {(str(generation),): pauses for generation, pauses in enumerate(self._garbage.pauses)},
            ("generation",),
        )


class _One(Collector):
    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric
