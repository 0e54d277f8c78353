"""daphne as a program runs it: where to listen, with which limits, and what to say about it."""

from collections.abc import Callable
from typing import Any

from daphne.server import Server

from streaming.connection.listening import BACKLOG, PING_INTERVAL_SECONDS, PING_TIMEOUT_SECONDS, CannotListen, Listening

WEBSOCKET_NEVER_TIMES_OUT = -1


class _Server(Server):  # type: ignore[misc] # daphne has no types
    """Says when it listens, and why it cannot instead of only stopping."""

    on_listening: Callable[[], None] | None = None
    listen_failure: str | None = None

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        if self.on_listening:
            self.on_listening()

    def listen_error(self, failure: Any) -> None:
        self.listen_failure = str(getattr(failure.value, "socketError", failure.getErrorMessage()))
        self.stop()


def serve(application: Any, listening: Listening, on_listening: Callable[[], None]) -> None:
    """Until the process is told to end. Raises CannotListen."""
    server = _make_server(application, listening)
    server.on_listening = on_listening
    server.run()
    if server.listen_failure:
        raise CannotListen(server.listen_failure)


def _make_server(application: Any, listening: Listening) -> _Server:
    most = listening.max_frame_bytes
    return _Server(
        application,
        endpoints=[endpoint(listening)],
        ping_interval=PING_INTERVAL_SECONDS,
        ping_timeout=PING_TIMEOUT_SECONDS,
        websocket_timeout=WEBSOCKET_NEVER_TIMES_OUT,
        websocket_max_message_size=most,
        websocket_max_frame_size=most,
        proxy_forwarded_address_header="X-Forwarded-For" if listening.behind_proxy else None,
        proxy_forwarded_proto_header="X-Forwarded-Proto" if listening.behind_proxy else None,
        server_name="xtts",
        verbosity=1,
    )


def endpoint(listening: Listening) -> str:
    """Where to listen, in Twisted's endpoint language, in which a colon is written with a backslash."""
    host = _escaped(listening.host.strip("[]"))
    if listening.descriptor is not None:
        return f"fd:fileno={listening.descriptor}"
    if listening.certificate is None:
        return f"tcp:{listening.port}:interface={host}:backlog={BACKLOG}"
    key, certificate = _escaped(str(listening.key)), _escaped(str(listening.certificate))
    return f"ssl:{listening.port}:privateKey={key}:certKey={certificate}:interface={host}:backlog={BACKLOG}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")
