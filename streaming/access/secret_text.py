"""Keys and tokens: long random texts, of which only a hash is kept.

They are random, 256 bits, so nobody can try them out and a fast hash is enough; passwords would need a slow one.
"""

import hashlib
import re
import secrets

KEY_START = "sk_"
# Shown in the admin, and what a key is looked up by; the rest of it is compared in constant time.
PREFIX_LENGTH = 10
# What it costs to try one secret that people have made up.
ROUNDS = 600_000
_SHAPE = re.compile(r"[A-Za-z0-9_-]{43,60}\Z")


def new_key() -> str:
    return KEY_START + secrets.token_urlsafe(32)


def new_token() -> str:
    return secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def slow_hash_of(secret: bytes, purpose: bytes) -> str:
    """Of a secret that people may have made up. Each purpose has its own."""
    return hashlib.pbkdf2_hmac("sha256", secret, purpose, ROUNDS).hex()


def looks_like_one(text: str) -> bool:
    """Clients send any text, and not every database takes any text: what cannot be a secret is not asked for."""
    return bool(_SHAPE.match(text))


def is_secret_of(text: str, hashed: str) -> bool:
    """Takes the same time wherever the two differ."""
    return secrets.compare_digest(hash_of(text), hashed)
