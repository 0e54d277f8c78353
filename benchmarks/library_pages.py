"""What each page of the admin asks of the database and how long it takes, for the library of `library_rows`."""

import json
import time
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from streaming.access.models import ApiKey
from voices.models import PronunciationDictionary, Voice

TIMES = 5
DELETED = 100


# What is beside the admin, for the program that asks a server.
BESIDE = {
    "playground": "/",
    "/v1/voices": "/v1/voices",
    "/v2/voices": "/v2/voices?page_size=100",
    "/v2/voices, search": "/v2/voices?search=accent",
    "/v1/models": "/v1/models",
}


def pages() -> dict[str, str]:
    """Name -> path."""
    voice, key = Voice.objects.get(voice_id="voice500"), ApiKey.objects.latest("pk")
    dictionary = PronunciationDictionary.objects.latest("pk")
    admin = "/admin"
    return {
        "index": f"{admin}/",
        "voices": f"{admin}/voices/voice/",
        "voices, page 9": f"{admin}/voices/voice/?p=9",
        "voices, search": f"{admin}/voices/voice/?q=0123",
        "voices, of a language": f"{admin}/voices/voice/?language=de",
        "a voice": f"{admin}/voices/voice/{voice.pk}/change/",
        "a new voice": f"{admin}/voices/voice/add/",
        "history of a voice": f"{admin}/voices/voice/{voice.pk}/history/",
        "states of voices": f"{admin}/voices/voice/states?pks={','.join(str(voice.pk + n) for n in range(100))}",
        "keys": f"{admin}/access/apikey/",
        "a key": f"{admin}/access/apikey/{key.pk}/change/",
        "a new key": f"{admin}/access/apikey/add/",
        "usage": f"{admin}/access/dailyusage/",
        "usage of a key": f"{admin}/access/dailyusage/?key__id__exact={key.pk}",
        "dictionaries": f"{admin}/voices/pronunciationdictionary/",
        "a dictionary": f"{admin}/voices/pronunciationdictionary/{dictionary.pk}/change/",
        "people": f"{admin}/auth/user/",
    }


def asked(page: Callable[[], Any]) -> dict[str, float]:
    """Queries, milliseconds, and milliseconds of processor time: medians of some times."""
    status = page().status_code  # what is loaded once is loaded here
    with CaptureQueriesContext(connection) as captured:
        page()
    queries = len(captured)  # now: the next request begins a new list
    times = [timed(page) for _ in range(TIMES)]
    wall, processor = (sorted(each)[TIMES // 2] for each in zip(*times, strict=True))
    return {"status": status, "queries": queries, "milliseconds": wall, "processor": processor}


def timed(call: Callable[[], Any]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - processor)


def deletion(client: Client) -> dict[str, dict[str, float]]:
    """Of some voices by the list's action: the page that asks whether, and the deletion."""
    pks = list(Voice.objects.filter(voice_id__startswith="voice").values_list("pk", flat=True)[:DELETED])
    form = {"action": "delete_selected", "_selected_action": pks}
    done = {"ask whether to delete": asked(lambda: client.post("/admin/voices/voice/", form))}
    with CaptureQueriesContext(connection) as queries:
        wall, processor = timed(lambda: client.post("/admin/voices/voice/", {**form, "post": "yes"}))
    assert not Voice.objects.filter(pk__in=pks).exists()
    deleted = {"status": 302, "queries": len(queries), "milliseconds": wall, "processor": processor}
    return {**done, "delete them": deleted}


def main() -> None:
    client = Client(raise_request_exception=True, SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="librarian"))
    paths = pages()
    found = {name: asked(lambda path=path: client.get(path)) for name, path in paths.items()}  # type: ignore[misc]
    print(json.dumps({"paths": paths | BESIDE, "pages": found | deletion(client)}))


if __name__ == "__main__":
    main()
