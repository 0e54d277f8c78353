"""Which servers use the same Redis now, and whether their secret key is ours.

Servers behind one address have to agree on it: it signs what browsers bring back, from whichever of them they have it
(sign-ins to the admin, tickets of its buttons). Nothing else would say that it differs.
"""

from typing import Any

from django.conf import settings

from streaming.access.secret_text import hash_of
from streaming.access.shared_counts import SERVERS


def mark_of_this_server() -> str:
    """The same for all servers with this secret key; nobody learns the key from it."""
    return hash_of(f"the secret key of a server, {settings.SECRET_KEY}")[:16]


async def has_strangers(client: Any) -> bool:
    """Whether a server with another secret key uses this Redis. Raises RedisError."""
    names = [name async for name in client.scan_iter(f"{SERVERS}*")]
    marks = {mark.decode() for mark in await client.mget(names) if mark} if names else set()
    return bool(marks - {mark_of_this_server()})
