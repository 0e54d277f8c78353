"""The shell: moves messages between socket, session and speakers. It contains no protocol names and no close codes."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, cast

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer

from streaming import errors
from streaming.access import refusals
from streaming.connection.transport import ABORT_KEY, SEND_NOW_KEY, close_reason
from streaming.dispatch.executor import Place
from streaming.errors import ClientStalled, Fault, ProtocolError, Refused, fault_of, is_of_the_connection
from streaming.logs.request_id import request_id_of
from streaming.protocol.actions import Action, Close, Expect, Open, Send, Speak, Stop
from streaming.protocol.context import TurnEnd, Utterance
from streaming.protocol.opening import may_generate
from streaming.protocol.packet import Packet
from streaming.protocol.parameters import Parameters
from streaming.protocol.session import Session
from streaming.records.session_record import OK, SessionRecord
from streaming.sockets.deadline import Deadline
from streaming.sockets.parts import Parts
from streaming.sockets.speakers import RecordedForwardMeter, Speakers
from streaming.sockets.stream_tasks import StreamTasks
from streaming.sockets.visitor import Visitor
from streaming.speech.outlet import Rest
from streaming.speech.speaker import Speaker

logger = logging.getLogger("streaming")

# How long a closing connection may take to send its last messages.
GOODBYE_SECONDS = 1.0


class SpeechConsumer(AsyncConsumer):
    """One connection to an endpoint that speaks; `session_type` has the endpoint's rules, `endpoint` is its name."""

    # No layer has this name: Channels ties each consumer to its layer, and a lost Redis would close even idle ones.
    channel_layer_alias = "none"
    session_type: ClassVar[type[Session]]
    endpoint: ClassVar[str]

    def __init__(self, parts: Parts) -> None:
        self._executor = parts.executor
        self._config = parts.config
        self._gate = parts.gate
        self._voices = parts.voices
        self._forwarding = parts.forwarding
        self._open_sockets = parts.open_sockets
        self._records = parts.records
        self._rules = parts.rules
        self._speakers = Speakers(parts)
        self._record = SessionRecord("", "websocket", self.endpoint)
        self._visitor: Visitor | None = None
        self._session: Session | None = None
        self._stream_tasks = StreamTasks(self._make_speaker, self._report_failure)
        self._deadline = Deadline(self._on_time)
        self._now = asyncio.get_running_loop().time
        self._send_now: Callable[[str], bool] = _cannot_send_now
        self._gone = asyncio.Event()
        self._dismissal: Fault | None = None
        self._background: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._send_now = scope.get(SEND_NOW_KEY, _cannot_send_now)
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            # daphne cancels what is still open when it shuts down; a client that is gone is reported, not cancelled.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hear_out(receive), GOODBYE_SECONDS)
            raise
        finally:
            self._release()

    async def dispatch(self, message: dict[str, Any]) -> None:
        # Channels would look for stale database connections at every message, which costs a thread switch each time.
        await getattr(self, message["type"].replace(".", "_"))(message)

    async def send(self, message: dict[str, Any]) -> None:
        with suppress(OSError):  # the client is gone, and the consumer is about to be told
            await super().send(message)

    # Events from the socket

    async def websocket_connect(self, message: dict[str, Any]) -> None:
        visitor = self._visitor = Visitor(
            self.scope, self._config, self._gate, self._voices, partial(self._dismiss, refusals.bad_key())
        )
        self._record = SessionRecord(request_id_of(self.scope), "websocket", self.endpoint, visitor.address)
        self._open_sockets.arrive(self, visitor.address, self._make_room)
        fault = self._open_sockets.refusal or await visitor.arrive() or self._dismissal or self._let_in(visitor)
        self._session = self.session_type(
            visitor.query,
            replace(self._rules, reads_ahead=self._executor.reads_ahead, request_id=self._record.request_id),
            now=self._now(),
            refusal=fault or visitor.refusal,
            silence_refusal=None if visitor.is_known else fault_of(refusals.late_key()),
        )
        await self.send({"type": "websocket.accept"})
        if visitor.voice and visitor.is_known and not fault and may_generate(visitor.query):
            self._speakers.prepare(visitor.voice)
        if self._open_sockets.is_leaving:
            self.leave()
        self._set_deadline()

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        if self._session is None or self._visitor is None:
            return
        text, limit = message.get("text"), self._config.service.max_message_bytes
        if text is None:
            await self._answer(self._session.receive_binary())
        elif len(text) > limit or len(text.encode("utf-8", "replace")) > limit:
            error = ProtocolError(errors.INVALID_MESSAGE, f"The message is longer than {limit} bytes.")
            await self._answer(self._session.refuse(error))
        elif fault := await self._visitor.hear(text) or self._let_in(self._visitor):
            await self._answer(self._session.fail(fault))
        else:
            await self._answer(self._session.receive(text, now=self._now()))

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        raise StopConsumer

    def _let_in(self, visitor: Visitor) -> Fault | None:
        """A client that is known needs a place among those who may speak."""
        if not visitor.is_known or self._open_sockets.let_in(self):
            return None
        return errors.OVERLOADED.because("The server has reached its maximum number of connections; try again later.")

    def _make_room(self) -> None:
        """Too many strangers: this one has to leave, whether it listens or not."""
        self._dismiss(refusals.late_key())
        if abort := cast("Callable[[], object] | None", self.scope.get(ABORT_KEY)):
            asyncio.get_running_loop().call_later(GOODBYE_SECONDS, abort)

    def _dismiss(self, refusal: Refused) -> None:
        self._dismissal = fault_of(refusal)
        if self._session:
            self._answer_in_background(partial(self._session.fail, self._dismissal))

    # The one place that acts

    async def _perform(self, actions: Sequence[Action]) -> None:
        """Raises ClientStalled when the client does not make room in time."""
        is_closing = any(isinstance(action, Close) for action in actions)
        for action in actions:
            match action:
                case Send(text):
                    await self._send_text(text, urgent=is_closing)
                case Speak(item, stream_number):
                    self._stream_tasks.put(item, stream_number)
                case Expect(utterance, stream_number):
                    self._stream_tasks.expect(utterance, stream_number)
                case Stop(stream_number, error):
                    self._stream_tasks.stop(stream_number, error)
                case Open(parameters):
                    self._open(parameters)
                case Close(code, reason, error):
                    self._record.result, self._record.status = error or OK, code
                    await self.send({"type": "websocket.close", "code": code, "reason": close_reason(reason)})
                    self._stop_speaking()
        self._set_deadline()

    async def _answer(self, actions: Sequence[Action]) -> None:
        """Perform actions that do not come from a speaker. (A failure of a speaker ends its own stream.)"""
        try:
            await self._perform(actions)
        except ClientStalled as error:
            if self._session:
                await self._perform(self._session.fail(fault_of(error)))

    async def _send_text(self, text: str, *, urgent: bool) -> None:
        if self._send_now(text):
            return
        began = self._now()
        try:
            async with asyncio.timeout(self._config.service.stall_timeout_seconds):
                await self.send({"type": "websocket.send", "text": text, "urgent": urgent})
        except TimeoutError:
            raise ClientStalled from None
        finally:
            self._record.client_seconds += self._now() - began

    def _open(self, parameters: Parameters) -> None:
        visitor, session = self._visitor, self._session
        if visitor is None or session is None:
            return
        self._speakers.parameters = parameters
        visitor.describe(self._record)
        self._record.dialect, self._record.mode = session.dialect.name.lower(), parameters.mode
        self._record.output_format = parameters.output_format
        self._records.begin(self._record)
        if parameters.mode == "forward":
            self._speakers.stop_preparing()
            meter = RecordedForwardMeter(visitor, parameters.audio_channel or "", self._record)
            outlet = self._speakers.outlet(partial(self._send_packet, 0))
            packet_ms = self._config.service.max_packet_ms
            work = partial(self._forwarding.forward, parameters, outlet, meter, self._report_forwarded, packet_ms)
            self._stream_tasks.start(0, work)

    def _make_speaker(self, stream_number: int) -> Speaker:
        if self._visitor is None:
            raise RuntimeError("A session without a visitor was opened.")
        send_packet = partial(self._send_packet, stream_number)
        on_spoken = partial(self._report_spoken, stream_number)
        return self._speakers.make(self._visitor, Place(self, stream_number), self._record, send_packet, on_spoken)

    # Reports from the speakers' tasks

    async def _report_failure(self, error: Exception, stream_number: int) -> None:
        if self._session:
            fault, is_of_all = fault_of(error), is_of_the_connection(error)
            await self._answer(
                self._session.fail(fault) if is_of_all else self._session.fail_stream(fault, stream_number)
            )

    def _send_packet(self, stream_number: int, packet: Packet) -> Rest | None:
        """What has to be awaited, where the client has no room. Audio only puts the session's deadline off, which
        `_deadline` finds out when it is due."""
        for message in self._session.audio(packet, stream_number, now=self._now()) if self._session else ():
            if not self._send_now(message.text):
                return partial(self._send_text, message.text, urgent=False)
        return None

    async def _report_spoken(self, stream_number: int, item: Utterance | TurnEnd) -> None:
        if self._session:
            await self._perform(self._session.spoken(item, stream_number, now=self._now()))

    async def _report_forwarded(self, is_final: bool, is_last: bool) -> None:
        if self._session:
            await self._perform(self._session.forwarded(now=self._now(), is_final=is_final, is_last=is_last))

    # Time

    def _set_deadline(self) -> None:
        if self._session:
            self._deadline.set(self._session.deadline)

    def _on_time(self) -> None:
        if self._session and not self._session.is_closed:
            session = self._session
            self._answer_in_background(lambda: session.timeout(now=self._now()))

    def _answer_in_background(self, decide: Callable[[], Sequence[Action]]) -> None:
        """The actions are decided when they are performed. Otherwise a message that comes in between would be answered
        first: speech would begin before the parameters that the connection was opened with are there."""

        async def answer() -> None:
            await self._answer(decide())

        task = asyncio.create_task(answer())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    # Ending

    def leave(self) -> None:
        """The server is about to end: so does this connection, when the turns that have begun on it are over."""
        if self._session:
            self._answer_in_background(partial(self._session.leave, errors.SHUTTING_DOWN))

    async def say_goodbye(self) -> None:
        """Tell the client that the server shuts down, and wait a moment for it to have heard."""
        if self._session:
            await self._perform(self._session.fail(errors.SHUTTING_DOWN))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._gone.wait(), GOODBYE_SECONDS)

    async def _hear_out(self, receive: Any) -> None:
        if self._session:
            await self._perform(self._session.fail(errors.SHUTTING_DOWN))
        while (await receive())["type"] != "websocket.disconnect":
            pass

    def _stop_speaking(self) -> None:
        self._speakers.stop_preparing()
        self._stream_tasks.stop_all()

    def _release(self) -> None:
        if self._session:
            self._session.disconnected()
        self._speakers.stop_preparing()
        self._records.leave(self._record)
        self._stream_tasks.close()
        self._deadline.close()
        if self._visitor:
            self._visitor.leave()
            self._visitor.describe(self._record)
            self._records.end(self._record)
        self._open_sockets.discard(self)
        self._gone.set()


def _cannot_send_now(text: str) -> bool:
    """With a server that has no short way."""
    return False
