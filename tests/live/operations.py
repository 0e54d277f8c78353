"""What the API offers, as its own schema says it."""

import re
from dataclasses import dataclass
from typing import Any

from streaming.http.api import api

# Whatever an operation reads in JSON, for a voice that may be named.
BODY = {"text": "Hello.", "input": "Hello.", "voice": "demo"}
FORM = "multipart/form-data"


@dataclass(frozen=True)
class Operation:
    """`path` has names of parameters in it; `takes_form`: its body is a form."""

    method: str
    path: str
    takes_form: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def path_for(self, voice_id: str) -> str:
        """With the voice, or anything, in the place of each parameter."""
        return re.sub(r"{\w+}", voice_id, self.path)

    def body_for(self, voice_id: str) -> dict[str, Any]:
        """The arguments of a client's request."""
        return {"data": {"name": "Anna"}} if self.takes_form else {"json": BODY | {"voice": voice_id}}


def operations() -> list[Operation]:
    paths = api.get_openapi_schema()["paths"]
    return [
        Operation(method.upper(), path, FORM in described.get("requestBody", {}).get("content", {}))
        for path, methods in paths.items()
        for method, described in methods.items()
    ]
