"""What tells one client of the network from another."""

import ipaddress


def network_of(address: str) -> str:
    """What identifies a client: an IPv4 address, or the half of an IPv6 address that it cannot choose freely."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
