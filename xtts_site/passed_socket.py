"""A listening socket that was passed to this process, so that others can listen at it before and after."""

import os
import socket

from xtts_site.config import ServiceConfig

# systemd's protocol (sd_listen_fds(3)): the first of the passed sockets, for whom they are, and how many there are.
FIRST_DESCRIPTOR = 3
PROCESS_VARIABLE = "LISTEN_PID"
COUNT_VARIABLE = "LISTEN_FDS"


class NoListeningSocket(Exception):
    """What was passed is something else. The message is the reason."""


def passed_by_systemd() -> int | None:
    """The descriptor of the socket that systemd has passed, or another program by the same variables. No process that this
    one starts finds them. Raises NoListeningSocket."""
    process, count = os.environ.pop(PROCESS_VARIABLE, ""), os.environ.pop(COUNT_VARIABLE, "")
    if process != str(os.getpid()):
        return None
    if count != "1":
        raise NoListeningSocket(f"{COUNT_VARIABLE} is {count!r:.20}: this server listens at one socket")
    return FIRST_DESCRIPTOR


def address_of(descriptor: int) -> tuple[str, int]:
    """Host and port of a listening TCP socket. Raises NoListeningSocket."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as listener:
            is_listening = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            address = listener.getsockname()
    except OSError as error:
        raise NoListeningSocket(f"the file descriptor {descriptor} is no socket ({error.strerror})") from None
    if not is_listening or not isinstance(address, tuple):
        raise NoListeningSocket(f"the file descriptor {descriptor} is no TCP socket that listens")
    return str(address[0]), int(address[1])


def listening_at(service: ServiceConfig, descriptor: int) -> ServiceConfig:
    """The settings with the address of the socket. Raises NoListeningSocket."""
    host, port = address_of(descriptor)
    return service.model_copy(update={"host": host, "port": port})
