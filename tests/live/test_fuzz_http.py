"""Whatever clients ask over HTTP: an answer as the schema has it, never a failure of ours, and nothing left behind.

FUZZ_EXAMPLES=1000 looks longer.
"""

import os
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.live.servers import WatchedServer

# Schemathesis is imported where it is used: it takes seconds that the processes without these tests need not wait.
if TYPE_CHECKING:
    from schemathesis import Case as AnyCase
    from schemathesis import Response
    from schemathesis.specs.openapi.schemas import OpenApiSchema

    # Generic in what it does not name.
    Case: TypeAlias = AnyCase[Any]
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))
ANSWER_SECONDS = 60.0  # far longer than anything here takes: a hang, not a slow machine
FEW_CHARACTERS = 200  # what is spoken costs time


@pytest.fixture(scope="module")
def schema(watched: WatchedServer) -> "OpenApiSchema":
    import schemathesis

    return schemathesis.openapi.from_url(f"{watched.base_url}/openapi.json")


def shortened(case: "Case") -> "Case":
    body = case.body
    if isinstance(body, dict):
        case.body = {name: value[:FEW_CHARACTERS] if isinstance(value, str) else value for name, value in body.items()}
    return case


def name_the_voice(case: "Case") -> None:
    """Let the request be about a voice that is there. It has to stay there."""
    if case.method != "DELETE" and "voice_id" in (case.path_parameters or {}):
        case.path_parameters["voice_id"] = "demo"
    if isinstance(case.body, dict) and "voice" in case.body:
        case.body["voice"] = "demo"


def check(answer: "Response") -> None:
    assert answer.status_code < 500, (answer.status_code, answer.text)
    if answer.status_code >= 400:
        problem = answer.json()
        assert "detail" in problem or "error" in problem


def test_no_request_breaks_the_server(watched: WatchedServer, schema: "OpenApiSchema") -> None:
    from schemathesis.core.result import Ok

    before = watched.wait_until_idle()
    operations = list(schema.get_all_operations())
    assert operations
    for operation in operations:
        assert isinstance(operation, Ok), operation
        ask(watched, operation.ok())
    watched.wait_until_idle(before)
    assert "Traceback" not in watched.log


def ask(server: WatchedServer, operation: Any) -> None:
    from schemathesis.generation import GenerationMode

    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(case=cases.map(shortened), is_known=st.booleans())
    def request(case: "Case", is_known: bool) -> None:
        if is_known:
            name_the_voice(case)
        check(case.call(base_url=server.base_url, timeout=ANSWER_SECONDS))

    request()
