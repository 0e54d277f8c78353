import socket

import pytest

from streaming.connection.listening import CannotListen, Listening
from streaming.uvicorn.server import _listen


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_packets_do_not_wait_for_each_other(host: str) -> None:
    """Nagle's algorithm holds a small packet back until the client has acknowledged the one before."""
    try:
        listener = _listen(Listening(host, 0, 1000))
    except CannotListen:
        pytest.skip(f"nothing can listen on {host} here")
    with listener, socket.create_connection(listener.getsockname()[:2]):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
