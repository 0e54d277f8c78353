"""Everything that a run breaks: nodes, Redis, the database, a disk."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.chaos.nodes import Node
from benchmarks.chaos.voice_clients import recording
from benchmarks.live_server import write_settings
from tests.live.keys import make_keys
from tests.live.redis_server import RedisServer
from tests.system.postgres import Cluster
from tests.system.small_disk import small_disk

NAMES = ("steady", "mortal", "xtts")
# Name: fields of the key, and the errors by which it is refused.
KEYS: dict[str, dict[str, Any]] = {
    "one at a time": {"max_concurrent_streams": 1},
    "seldom": {"max_requests_per_second": 0.5},
    "spent": {"max_characters_per_month": 1},
    "disabled": {"enabled": False},
}
REFUSALS = {
    "one at a time": "too_many_concurrent_requests",
    "seldom": "rate_limit_exceeded",
    "spent": "quota_exceeded",
    "disabled": "invalid_api_key",
}
SERVICE = {"max_load": False, "drain_seconds": 5, "engine_heartbeat_seconds": 5, "engine_wait_seconds": 30}
# Voices come and go, and XTTS would take seconds for each.
NOT_PREPARED = {"prepare_in_background": False}
PROMPT: dict[str, Any] = {"service": SERVICE}
PATIENT: dict[str, Any] = {
    "forward": {"timeout_seconds": 600},
    "database": {"answer_seconds": 60},
    "service": SERVICE | {"engine_heartbeat_seconds": 600, "stall_timeout_seconds": 600},
}


@dataclass(frozen=True)
class Options:
    """`postgres`: PostgreSQL in place of SQLite. `disk`: a small one for the data, which only root can mount. `programs`: of
    the nodes. `is_patient`: for a machine that is so busy that nothing may be concluded from time that passes."""

    xtts: bool = True
    postgres: bool = True
    disk: bool = True
    programs: tuple[str, ...] = ("uvicorn", "daphne", "uvicorn")
    is_patient: bool = False

    @property
    def words(self) -> str:
        return " and ".join(dict.fromkeys(self.programs[: 3 if self.xtts else 2]))


@dataclass
class Site:
    """`steady` is the same process for the whole run; `mortal` is restarted and killed."""

    folder: Path
    nodes: dict[str, Node]
    redis: RedisServer
    cluster: Cluster | None
    database: Path | str
    disk: Path | None
    keys: dict[str, str]
    voices: dict[str, str]

    def nodes_with(self, engine: str) -> list[Node]:
        return [node for node in self.nodes.values() if node.engine == engine]


@contextmanager
def site_in(folder: Path, options: Options) -> Iterator[Site]:
    with ExitStack() as stack:
        data = folder / "var"
        data.mkdir()
        if options.disk:
            stack.enter_context(small_disk(data, megabytes=32))
        redis = stack.enter_context(RedisServer(folder))
        cluster = stack.enter_context(Cluster()) if options.postgres else None
        sections: dict[str, Any] = {"redis_url": redis.url, "voices": NOT_PREPARED} | (
            PATIENT if options.is_patient else PROMPT
        )
        if cluster:
            sections["database_url"] = cluster.new_database("chaos")
        names = NAMES if options.xtts else NAMES[:2]
        nodes = {name: _node(folder, data, name, options, sections) for name in names}
        for node in nodes.values():
            stack.enter_context(node)
        keys = make_keys(nodes["steady"], **{name: dict(fields) for name, fields in KEYS.items()})
        voices = {"demo": "demo"} | ({"xtts": _new_voice(nodes["xtts"])} if options.xtts else {})
        database = sections.get("database_url") or data / "db.sqlite3"
        yield Site(folder, nodes, redis, cluster, database, data if options.disk else None, keys, voices)


def _node(folder: Path, data: Path, name: str, options: Options, sections: dict[str, Any]) -> Node:
    place = folder / name
    place.mkdir()
    model: dict[str, Any] = {"threads": 1}
    if name == "xtts":
        # Here, because torch takes seconds that a run without it need not wait.
        from tests.process.engine.checkpoints import made_random

        model |= {"checkpoint_path": str(made_random("tiny")), "device": "cpu"}
    program = options.programs[NAMES.index(name)]
    service = sections["service"] | {"server": program, "data_dir": str(data)}
    settings = write_settings(place, model=model, **sections | {"service": service})
    return Node(settings, name=name, engine="xtts" if name == "xtts" else "demo")


def _new_voice(node: Node) -> str:
    files = [("files", ("anna.wav", recording()))]
    answer = httpx.post(f"{node.base_url}/v1/voices/add", data={"name": "Anna"}, files=files, timeout=120)
    answer.raise_for_status()
    return str(answer.json()["voice_id"])
