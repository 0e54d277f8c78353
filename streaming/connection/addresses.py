"""What tells one client of the network from another."""

import ipaddress

# Prefix lengths in IPv6: of a single link, and of the largest network that one customer is usually given.
LINK, SITE = 64, 48


def network_of(address: str, bits: int = LINK) -> str:
    """What identifies a client: an IPv4 address, or the `bits` of an IPv6 address that it cannot choose freely."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, bits), strict=False))
