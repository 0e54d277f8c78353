"""A set-up makes voices: the fixtures of their tests."""

from tests.pure.voices.conftest import add_clip, media_root

__all__ = ["add_clip", "media_root"]
