"""Which installations use the same Redis now: servers that share a secret key are one.

Servers behind one address have to agree on it: it signs what browsers bring back, from whichever of them they have it
(sign-ins to the admin, tickets of its buttons). Nothing else would say that it differs.
"""

import functools
from typing import Any

from django.conf import settings
from django.utils.encoding import force_bytes

from streaming.access.secret_text import slow_hash_of
from streaming.access.shared_counts import SERVERS


def mark_of_this_server() -> str:
    """The same for all servers with this secret key."""
    return _mark_of(force_bytes(settings.SECRET_KEY))


async def has_strangers(client: Any) -> bool:
    """Whether a server with another secret key uses this Redis. Raises RedisError."""
    marks = {mark.decode() for mark in await client.zrange(SERVERS, 0, -1)}
    return bool(marks - {mark_of_this_server()})


@functools.cache
def _mark_of(secret_key: bytes) -> str:
    # Whoever reads it in Redis may try secret keys that people have made up.
    return slow_hash_of(secret_key, b"xtts: mark of an installation")[:16]
