"""What one server process speaks with, from its start to its end."""

import asyncio
import atexit
import logging
from collections.abc import Sequence

from streaming.access.gate import Gate
from streaming.access.known_keys import KnownKeys
from streaming.access.other_servers import mark_of_this_server
from streaming.access.shared_counts import SharedCounts
from streaming.conf import Config
from streaming.connection.capacity import Capacity
from streaming.dispatch.engine_choice import engine_specs
from streaming.dispatch.engine_process import EngineSpec
from streaming.dispatch.executor import Executor
from streaming.dispatch.heartbeat import HeartbeatLimits
from streaming.forwarding.forwarding import Forwarding
from streaming.http.backend import Backend
from streaming.logs.session_log import SessionLog
from streaming.metrics.own_port import MetricsPort
from streaming.metrics.server_metrics import ServerMetrics
from streaming.records.records import Records
from streaming.serving.cycle_collection import CycleCollection
from streaming.sockets.open_sockets import OpenSockets
from streaming.sockets.parts import Parts
from streaming.sockets.session_rules import session_rules
from streaming.speech.background_preparation import BackgroundPreparation
from streaming.speech.voice_preparation import VoicePreparer
from voices import speech_hook
from voices.changes import ChangeWatch
from voices.database import answer_within
from voices.voice_cache import VoiceCache

logger = logging.getLogger("streaming")


class ServerParts:
    """No thread and no process runs before `start`. Raises CheckpointError, VoiceError and MissingPackages for settings
    that name an engine that cannot be started, ImproperlyConfigured for a format that does not exist."""

    def __init__(self, config: Config) -> None:
        specs, self._reason = engine_specs(config)
        self._engine_name = specs[0].name
        self.config = config
        self.capacity = _capacity(config)
        self.executor = _executor(config, specs)
        database = config.database
        answer_within(database.answer_seconds)
        keys = KnownKeys(fresh=database.cache_seconds, outage=database.key_outage_seconds)
        voices = VoiceCache(fresh=database.cache_seconds, outage=database.voice_outage_seconds)
        self.gate = Gate(config.limits, keys, shared=_shared_counts(config))
        self.records = Records(SessionLog())
        self.forwarding = Forwarding(config.forward, config.redis_url)
        self.open_sockets = OpenSockets(self.capacity)
        self.metrics = ServerMetrics(
            self.executor,
            strangers=lambda: self.open_sockets.strangers,
            dropped_messages=lambda: self.forwarding.dropped_messages,
        )
        self.records.listen(self.metrics.sessions)
        self._preparer = preparer = VoicePreparer(self.executor, self.metrics.speech)
        self._voices = voices
        self._background = BackgroundPreparation(preparer, self.executor)
        self._watch = ChangeWatch(self._note_changes, self._needs_changes)
        speech_hook.serve_with(self._engine)
        self.for_http = Backend(
            self.executor, config, preparer, self.gate, voices, self.capacity.responses, self.records
        )
        self.for_sockets = Parts(
            self.executor,
            config,
            preparer,
            self.gate,
            voices,
            self.forwarding,
            self.open_sockets,
            session_rules(config),
            self.metrics.speech,
            self.records,
        )
        self._cycle_collection = CycleCollection(self._is_idle)
        self._has_started = False

    def start(self) -> None:
        """On the event loop. Returns at once; further calls do nothing."""
        if self._has_started:
            return
        logger.info("Using the engine %s, because %s", self._engine_name, self._reason)
        self._cycle_collection.start()
        self.executor.start()
        if self.config.voices.prepare_in_background:
            self._background.start()
        self._watch.start()
        self.gate.start()
        self.metrics.start()
        if (port := self.config.service.metrics_port) is not None:
            MetricsPort(self.metrics.exposition, self.config.service.metrics_host, port).start()
        self._has_started = True
        # For a process that ends without having been told to.
        atexit.register(self.executor.stop)
        atexit.register(self.gate.book.write_rest)

    def _note_changes(self, pks: frozenset[int] | None) -> None:
        """Another process has changed these voices, or this one."""
        self._voices.forget(pks)
        self._background.note(pks)

    def _needs_changes(self) -> bool:
        """A server that nobody has asked for a voice, and whose engine does not clone, does not ask the database."""
        return self._background.is_needed or len(self._voices) > 0

    def _engine(self) -> speech_hook.Engine | None:
        info = self.executor.status.info
        return None if info is None else speech_hook.Engine(info.clones, info.fingerprint, info.languages)

    def _is_idle(self) -> bool:
        """Whether nobody is connected for speech, and nothing is made."""
        status = self.executor.status
        return not (self.open_sockets or status.running or status.waiting)

    async def say_goodbye(self) -> None:
        """End every session, because the server ends, and write down what has been used and made."""
        self._background.stop()
        self._watch.stop()
        await self.open_sockets.say_goodbye_to_all()
        await asyncio.gather(self.gate.close(), self._preparer.close())

    async def stop(self) -> None:
        """End the engine's processes. Takes a few seconds at most."""
        self.metrics.stop()
        await asyncio.to_thread(self.executor.stop)


def _capacity(config: Config) -> Capacity:
    service, limits = config.service, config.limits
    return Capacity(
        sockets=service.max_connections,
        responses=service.max_connections,
        requests=limits.max_waiting_requests,
        strangers=limits.max_unidentified_sockets,
    ).within_this_process()


def _executor(config: Config, specs: Sequence[EngineSpec]) -> Executor:
    service = config.service
    return Executor(
        specs,
        max_running=service.max_concurrency,
        max_waiting=service.max_waiting,
        silence_limit=service.engine_timeout_seconds,
        heartbeat=HeartbeatLimits(service.engine_heartbeat_seconds, service.engine_step_seconds),
        away_limit=service.engine_wait_seconds,
        max_load=service.max_load,
    )


def _shared_counts(config: Config) -> SharedCounts | None:
    """None: there is no Redis, and this process counts alone."""
    if not config.redis_url:
        return None
    return SharedCounts(config.redis_url, mark=mark_of_this_server(), answer_seconds=config.limits.redis_answer_seconds)
