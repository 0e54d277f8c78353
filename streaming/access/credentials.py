"""The credentials that a client sends, wherever it sends them. See docs/protocol.md, Keys on a socket."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

# In a socket's first message: the schema has the first spelling, every client the second.
_KEY_NAMES = ("xi-api-key", "xi_api_key")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Secrets, so none of them is part of the repr. `bearer` is an API key too: OpenAI's clients send theirs so."""

    api_key: str | None = field(default=None, repr=False)
    bearer: str | None = field(default=None, repr=False)
    single_use_token: str | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        return any((self.api_key, self.bearer, self.single_use_token))

    @classmethod
    def from_headers(cls, headers: Iterable[tuple[bytes, bytes]]) -> Self:
        """Those of an ASGI scope: pairs of bytes, names in lower case."""
        values = {name: value.decode("latin-1") for name, value in headers}
        return cls(api_key=_given(values.get(b"xi-api-key")), bearer=_token(values.get(b"authorization")))

    @classmethod
    def from_query(cls, values: Mapping[str, object]) -> Self:
        """A socket's query, which proxies write into their logs: what ElevenLabs documents for it, and nothing else."""
        return cls(bearer=_token(values.get("authorization")), single_use_token=_given(values.get("single_use_token")))

    @classmethod
    def from_message(cls, values: Mapping[str, object]) -> Self:
        """The first message on a socket. Values that are no text are no credentials."""
        key = next((found for name in _KEY_NAMES if (found := _given(values.get(name)))), None)
        return cls(api_key=key).filled_from(cls.from_query(values))

    def filled_from(self, others: Self) -> Self:
        """These credentials, completed from the others."""
        return type(self)(
            self.api_key or others.api_key,
            self.bearer or others.bearer,
            self.single_use_token or others.single_use_token,
        )


def _given(value: object) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None


def _token(value: object) -> str | None:
    """The text after "Bearer" in an Authorization header; in a query it may come without that word."""
    text = _given(value)
    if text is None:
        return None
    scheme, _, rest = text.partition(" ")
    return _given(rest) if scheme.lower() == "bearer" else text
