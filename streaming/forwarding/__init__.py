"""Forward mode: audio that is made elsewhere. Django code publishes it with `Publisher`."""

from streaming.forwarding.publisher import Publisher

__all__ = ["Publisher"]
