import pytest

from streaming.errors import (
    EngineFailed,
    EngineUnavailable,
    Overloaded,
    ProtocolError,
    Refused,
    TextRefused,
    UnknownDictionary,
    UnknownLanguage,
    VoiceUnusable,
)
from streaming.http.problems import Problem, problem_of


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ProtocolError("invalid_parameter", "Too fast."), 400, "invalid_parameter"),
        (UnknownDictionary("No such one."), 404, "pronunciation_dictionary_not_found"),
        (UnknownLanguage("No Klingon."), 500, "internal_error"),
        (Overloaded("Full."), 429, "system_busy"),
        (EngineUnavailable("Not yet."), 503, "engine_unavailable"),
        (Refused(401, "quota_exceeded", "Spent."), 401, "quota_exceeded"),
        (EngineFailed("It broke."), 500, "engine_failed"),
        (TextRefused("Too many signs."), 400, "max_character_limit_exceeded"),
        (VoiceUnusable("Gone."), 500, "internal_error"),
    ],
)
def test_every_error_has_a_status_a_code_and_its_own_words(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.code, problem.message) == (status, code, str(error))


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (Overloaded("Full."), "1"),
        (EngineUnavailable("Not yet."), "1"),
        (Refused(429, "rate_limit_exceeded", "Slowly.", retry_after=6.2), "7"),
    ],
)
def test_what_passes_says_when_to_come_back(error: Exception, seconds: str) -> None:
    assert problem_of(error).headers["Retry-After"] == seconds


def test_what_does_not_pass_does_not() -> None:
    assert problem_of(Refused(403, "missing_permissions", "No.")).headers == {}


def test_what_nobody_expected_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    problem = problem_of(RuntimeError("the secret"))
    assert (problem.status, problem.code) == (500, "internal_error")
    assert "secret" not in problem.message
    assert "the secret" in caplog.text


def test_elevenlabs_says_status_code_and_message() -> None:
    problem = Problem(400, "invalid_parameter", "Too fast.", "speed")
    assert problem.in_elevenlabs_words() == {
        "detail": {
            "status": "invalid_parameter",
            "code": "invalid_parameter",
            "message": "Too fast.",
            "param": "speed",
        }
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (404, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "server_error"),
        (503, "server_error"),
    ],
)
def test_openai_says_a_kind(status: int, kind: str) -> None:
    assert Problem(status, "some_code", "Words.").in_openais_words() == {
        "error": {"message": "Words.", "type": kind, "param": None, "code": "some_code"}
    }
