"""A library of 1,000 voices, 10,000 recordings, 300 keys and a dictionary of 1,000 rules:

    .venv/bin/python benchmarks/library.py --server uvicorn

Printed for each page: how often it asks the database, how long it takes by itself, of that the processor time, and how long
a real server needs for it; the same for the deletion of 100 voices. Then paced streams of that server, first alone, then
while somebody loads all of these pages again and again: how late their packets came. The engine costs nothing.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

if __package__ is None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx

from benchmarks.live_server import LiveServer, run_python, set_up, write_settings
from benchmarks.paced_listeners import Crowd, Heard, generated
from benchmarks.provenance import provenance
from benchmarks.tone_server import SECONDS_PER_CHARACTER

PASSWORD = "a password of the benchmark"  # noqa: S105 - of a database that is deleted at the end
SENTENCE = "All of this is one long text that is spoken as a tone. "
STREAMS = 20
STREAM_SECONDS = 20.0
TIMES = 3


def run(settings: Path, module: str, *arguments: str) -> str:
    done = run_python(settings, "-m", "benchmarks.with_django", module, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def signed_in(client: httpx.AsyncClient) -> None:
    await client.get("/admin/login/")
    form = {"username": "librarian", "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
    answer = await client.post("/admin/login/", data=form)
    assert answer.status_code == 302, answer.text


async def load(client: httpx.AsyncClient, path: str) -> float:
    """Milliseconds."""
    begin = time.perf_counter()
    answer = await client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return 1000 * (time.perf_counter() - begin)


async def over_http(url: str, paths: dict[str, str]) -> dict[str, float]:
    """The median of some times, in milliseconds."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        await signed_in(client)
        return {
            name: sorted([await load(client, path) for _ in range(TIMES)])[TIMES // 2] for name, path in paths.items()
        }


async def listen(server: LiveServer) -> list[Heard]:
    text = SENTENCE * round(STREAM_SECONDS / SECONDS_PER_CHARACTER / len(SENTENCE))
    crowd = Crowd(server.port, 20.0, lambda: None, lambda: None)
    return await crowd.listen([generated(text, "mode=generate&target_lead_ms=20")] * STREAMS)


async def listen_beside(server: LiveServer, paths: dict[str, str]) -> list[Heard]:
    """While all pages are loaded, one after the other, by another process: this one is to see when packets come."""
    program = [sys.executable, "-m", "benchmarks.library", "--load", server.base_url, "--paths", json.dumps(paths)]
    loading = await asyncio.create_subprocess_exec(*program, stdout=sys.stderr)
    try:
        return await listen(server)
    finally:
        loading.terminate()
        await loading.wait()


async def load_for_ever(url: str, paths: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        await signed_in(client)
        while True:
            for path in paths.values():
                await load(client, path)


def lateness(heard: list[Heard]) -> str:
    late = sorted(1000 * late for each in heard for late in each.late())
    errors = {each.error for each in heard if each.error}
    assert not errors, errors
    starved = sum(each.starved for each in heard)
    return (
        f"{late[len(late) // 2]:.1f} ms | {late[int(len(late) * 0.99)]:.1f} ms | {late[-1]:.1f} ms | "
        f"{sum(value > 60 for value in late)} of {len(late)} | {starved} of {len(heard)}"
    )


def print_pages(pages: dict[str, dict[str, float]], over_http: dict[str, float]) -> None:
    print("| page | queries | by itself | of that processor | from the server |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name in pages | over_http:
        page = pages.get(name)
        inside = (
            f"{page['queries']:.0f} | {page['milliseconds']:.0f} ms | {page['processor']:.0f} ms" if page else "| |"
        )
        outside = f"{over_http[name]:.0f} ms" if name in over_http else ""
        print(f"| {name} | {inside} | {outside} |")


async def measure(folder: Path, options: argparse.Namespace) -> None:
    service: dict[str, Any] = {"server": options.server, "log_level": "warning"}
    settings = write_settings(folder, service=service)
    set_up(settings)
    run(settings, "benchmarks.library_rows", f"--voices={options.voices}", f"--keys={options.keys}")
    found = json.loads(run(settings, "benchmarks.library_pages"))
    with LiveServer(settings, ("-m", "benchmarks.tone_server")) as server:
        print_pages(found["pages"], await over_http(server.base_url, found["paths"]))
        print(f"\n| {STREAMS} streams | late p50 | p99 | maximum | later than 60 ms | starved |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        print(f"| alone | {lateness(await listen(server))} |")
        print(f"| beside the pages | {lateness(await listen_beside(server, found['paths']))} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="uvicorn", choices=("uvicorn", "daphne"))
    parser.add_argument("--voices", type=int, default=1000)
    parser.add_argument("--keys", type=int, default=300)
    parser.add_argument("--load", help=argparse.SUPPRESS)
    parser.add_argument("--paths", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        asyncio.run(load_for_ever(options.load, options.paths))
        return
    print(json.dumps(provenance(), default=str))
    with tempfile.TemporaryDirectory(prefix="library-") as folder:
        asyncio.run(measure(Path(folder), options))


if __name__ == "__main__":
    main()
