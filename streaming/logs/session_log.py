"""One line at the beginning and one at the end of each session that speaks. Never its text, never a secret."""

import logging
from typing import Any

from streaming.logs.repetitions import FIELDS, MAY_REPEAT, REQUEST_ID
from streaming.records.records import Listener
from streaming.records.session_record import SessionRecord

logger = logging.getLogger("streaming.sessions")

# What a request to the HTTP API has in its path that speaks. The others are not sessions of speech.
SPEECH = ("/v1/text-to-speech/", "/v1/audio/speech", "/v1/listen")


class SessionLog(Listener):
    def session_began(self, session: SessionRecord) -> None:
        if logger.isEnabledFor(logging.INFO) and speaks(session):
            _log("begins", session, who(session), may_repeat="")

    def session_ended(self, session: SessionRecord) -> None:
        if logger.isEnabledFor(logging.INFO) and speaks(session):
            _log(
                "ends", session, who(session) | outcome(session), may_repeat="" if session.has_begun else session.result
            )


def speaks(session: SessionRecord) -> bool:
    return session.endpoint.startswith(SPEECH)


def who(session: SessionRecord) -> dict[str, Any]:
    return {
        "transport": session.transport,
        "endpoint": session.endpoint,
        "address": session.address,
        "key": session.key_name,
        "voice": session.voice_id,
        "dialect": session.dialect,
        "mode": session.mode,
        "format": session.output_format,
    }


def outcome(session: SessionRecord) -> dict[str, Any]:
    measures = session.measures
    return {
        "result": session.result,
        "status": session.status,
        "seconds": _rounded(session.seconds),
        "turns": session.turns,
        "characters": measures.characters,
        "audio_seconds": _rounded(measures.audio_seconds),
        "ttfa_seconds": _rounded(measures.ttfa_seconds),
        "rtf": _rounded(measures.rtf),
        "queue_seconds": _rounded(measures.queue_seconds),
        "starved_seconds": _rounded(measures.starved_seconds),
        "gap_seconds": _rounded(measures.gap_seconds),
        "client_seconds": _rounded(session.client_seconds),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _log(event: str, session: SessionRecord, fields: dict[str, Any], *, may_repeat: str) -> None:
    known = {name: value for name, value in fields.items() if value not in (None, "")}
    extra = {FIELDS: known, REQUEST_ID: session.request_id, MAY_REPEAT: may_repeat}
    logger.info("session %s", event, extra=extra)
