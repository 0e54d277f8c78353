"""How a connection's parameters are fixed: which dialect, from which sources, within which rules."""

from collections.abc import Mapping
from dataclasses import dataclass

from streaming.errors import INVALID_PARAMETER, ProtocolError
from streaming.protocol.dialect import Dialect, is_certainly_elevenlabs
from streaming.protocol.messages import ClientMessage
from streaming.protocol.parameters import Parameters, parse_parameters

DEFAULT_LEAD_MS = 20.0
PCM = "pcm_"
# Of sockets whose client names none: our own, and that of a client that is certainly ElevenLabs'.
DEFAULT_FORMAT = Parameters().output_format
ELEVENLABS_FORMAT = "mp3_44100_128"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the server allows, handed in by the shell."""

    formats: frozenset[str]
    forward_prefixes: tuple[str, ...]
    # Text of one connection that is not spoken yet, text of one message, contexts open at once on one connection.
    max_pending_chars: int
    max_message_chars: int
    max_contexts: int
    # Of sockets whose client names none; None: decided by the client.
    default_format: str | None = None
    # Why forward mode cannot work here; None if it can.
    forward_refusal: str | None = None
    # Whether the engine can use text that is still arriving.
    reads_ahead: bool = False
    # The session's name in the server's log, for its error messages; "" if it has none.
    request_id: str = ""


def may_generate(query: Mapping[str, str]) -> bool:
    """Whether the session may generate speech, as far as the query tells. A ttsInitRequest may still change the mode."""
    return query.get("mode") != "forward"


def opening_parameters(query: Mapping[str, str], first: ClientMessage, dialect: Dialect, rules: Rules) -> Parameters:
    """The query, overridden by the first message. Raises ProtocolError for what the server does not allow.

    If the first message is not a ttsInitRequest, its settings other than the hard ones belong to its text, and are not
    read here.
    """
    overrides = first.settings if first.is_init else first.hard
    parameters = Parameters(output_format=_default_format(query, dialect, rules))
    parameters = parameters.updated(parse_parameters(query, dialect)).updated(overrides)
    if parameters.target_lead_ms is None and dialect is Dialect.NATIVE:
        parameters = parameters.updated({"target_lead_ms": DEFAULT_LEAD_MS})
    _check_format(parameters.output_format, dialect, rules)
    if parameters.mode == "forward":
        _check_forward(parameters.audio_channel, dialect, rules)
    return parameters


def _default_format(query: Mapping[str, str], dialect: Dialect, rules: Rules) -> str:
    """The native dialect knows PCM alone (docs/protocol.md, decision 12)."""
    if dialect is Dialect.NATIVE:
        return rules.default_format if rules.default_format and rules.default_format.startswith(PCM) else DEFAULT_FORMAT
    if rules.default_format:
        return rules.default_format
    return ELEVENLABS_FORMAT if is_certainly_elevenlabs(query.keys()) else DEFAULT_FORMAT


def _check_format(name: str, dialect: Dialect, rules: Rules) -> None:
    """The native dialect knows PCM alone (docs/protocol.md, decision 12)."""
    formats = {form for form in rules.formats if dialect is Dialect.ELEVENLABS or form.startswith(PCM)}
    if name not in formats:
        known = ", ".join(sorted(formats, key=lambda form: (len(form), form)))
        text = f"Invalid EL_AUDIO_FORMAT: {name} is not supported here; the formats are {known}."
        raise ProtocolError(text, text, is_format=True)


def _check_forward(channel: str | None, dialect: Dialect, rules: Rules) -> None:
    if dialect is not Dialect.NATIVE:
        raise ProtocolError(
            INVALID_PARAMETER, "mode forward is available on stream-input only, in the query or in a ttsInitRequest."
        )
    if channel is None:
        raise ProtocolError(INVALID_PARAMETER, "mode forward needs the parameter audio_channel.")
    if not channel.startswith(rules.forward_prefixes):
        allowed = ", ".join(rules.forward_prefixes) or "none"
        raise ProtocolError(INVALID_PARAMETER, f"audio_channel must begin with an allowed prefix: {allowed}.")
    if rules.forward_refusal:
        raise ProtocolError(INVALID_PARAMETER, rules.forward_refusal)
