"""What the program that has started this one is told: systemd's protocol, of a service with `Type=notify`."""

import logging
import os
import socket

logger = logging.getLogger("streaming.serving.supervisor")

ADDRESS_VARIABLE = "NOTIFY_SOCKET"
READY = "READY=1"
STOPPING = "STOPPING=1"


def notify(state: str) -> None:
    """Tell it, if it wants to know."""
    address = os.environ.get(ADDRESS_VARIABLE)
    if not address:
        return
    # Linux' abstract names begin with a zero byte, which no variable can hold.
    name = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(state.encode("ascii"), name)
    except OSError as error:
        logger.warning("%s names a socket that nobody can write to: %s", ADDRESS_VARIABLE, error)
