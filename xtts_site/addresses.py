"""The addresses by which a server is reached: what people put into a browser."""

import fcntl
import ipaddress
import socket
import struct
from contextlib import suppress
from pathlib import Path

# Linux: the IPv4 address of an interface (netdevice(7)), and where the kernel lists those of IPv6.
SIOCGIFADDR = 0x8915
IPV6_ADDRESSES = Path("/proc/net/if_inet6")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def in_url(host: str) -> str:
    """A host as a URL has it: IPv6 in brackets."""
    bare = host.strip("[]")
    return f"[{bare}]" if ":" in bare else bare


def reachable(host: str) -> str:
    """Where a client on this machine finds a server that listens on `host`, as a URL has it."""
    return in_url({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host.strip("[]"), host))  # noqa: S104


def listened_on(host: str) -> list[str]:
    """The addresses that clients may use, as a URL has them: all of this machine where `host` stands for all of them."""
    bare = host.strip("[]")
    if bare not in ("0.0.0.0", "::"):  # noqa: S104
        return [in_url(bare)]
    # A socket of IPv6 that listens everywhere is given IPv4's clients as well on Linux, but not by every server.
    found = ipv4_addresses() if bare == "0.0.0.0" else ipv6_addresses()  # noqa: S104
    return [reachable(bare), *map(in_url, found)]


def ipv4_addresses() -> list[str]:
    """Of this machine for others, one for each interface."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # an interface without an address, or another system
                answer = fcntl.ioctl(asking, SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                found.append(socket.inet_ntoa(answer[20:24]))
    return [address for address in found if not ipaddress.ip_address(address).is_loopback]


def ipv6_addresses() -> list[str]:
    """Those that need no interface named with them."""
    try:
        lines = IPV6_ADDRESSES.read_text().splitlines()
    except OSError:  # none, or another system
        return []
    found = [ipaddress.IPv6Address(int(line.split()[0], 16)) for line in lines]
    return [str(address) for address in found if not (address.is_loopback or address.is_link_local)]
