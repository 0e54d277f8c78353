"""The ids of voices that mean something, and OpenAI's names, which stand for voices of ours."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

# Answers for voices that are unknown, if the settings say so; model.speaker_wav is its recording.
DEFAULT_VOICE_ID = "default"
# The embedded voice, as `setup` creates it.
DEMO_VOICE_ID = "demo"

# OpenAI's clients have these in their settings, and many offer no others.
OpenAIName = Literal[
    "alloy",
    "ash",
    "ballad",
    "cedar",
    "coral",
    "echo",
    "fable",
    "marin",
    "nova",
    "onyx",
    "sage",
    "shimmer",
    "verse",
]
OPENAI_NAMES: tuple[str, ...] = get_args(OpenAIName)


def stand_ins(name: str, chosen: str | Mapping[Any, str] | None) -> tuple[str, ...]:
    """The ids of the voices that may speak under one of OpenAI's names, the first that exists. None for any other name.

    `chosen`: the setting `voices.openai_names`, an id for all of them or for some.
    """
    if name not in OPENAI_NAMES:
        return ()
    chosen_id = chosen if chosen is None or isinstance(chosen, str) else chosen.get(name)
    return (DEFAULT_VOICE_ID, DEMO_VOICE_ID) if chosen_id is None else (chosen_id,)
