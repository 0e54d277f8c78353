"""`python manage.py bench_stream --url https://speech.example.com`: a load test of any server of this protocol."""

import argparse
import asyncio
import os
import shutil
import signal
import ssl
import sys
from collections import Counter
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError, CommandParser

from streaming.load_test.plan import KINDS, TEXTS, Scenario, visits
from streaming.load_test.server_load import Watch, listening_process

if TYPE_CHECKING:
    from streaming.load_test.crowd import Crowd
    from streaming.load_test.report import Report

KEY_VARIABLE = "SPEECH_API_KEY"
# More would be a test of this machine. More clients: run the command on several machines.
MOST_CLIENTS = 100_000
MOST_SECONDS = 24 * 3600.0


def weights(text: str) -> dict[str, float]:
    """`a=2,b`: names with their weights, 1 if none is given."""
    found = {}
    for part in text.split(","):
        name, _, weight = part.partition("=")
        try:
            found[name] = float(weight or 1)
        except ValueError:
            found[name] = 0.0
        if not name or not 0 < found[name] < float("inf"):
            raise argparse.ArgumentTypeError(f"{part!r} is no name with a weight above 0, such as demo or demo=2")
    return found


def kinds(text: str) -> dict[str, float]:
    found = weights(text)
    if unknown := found.keys() - set(KINDS):
        raise argparse.ArgumentTypeError(f"{min(unknown)!r} is none of {', '.join(KINDS)}")
    return found


def turns(text: str) -> tuple[int, int]:
    fewest, _, most = text.partition("-")
    if not (fewest.isdecimal() and (most or fewest).isdecimal() and 1 <= int(fewest) <= int(most or fewest) <= 1000):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of turns, such as 1 or 2-5")
    return int(fewest), int(most or fewest)


def address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is no address such as https://speech.example.com")
    return text


def between(least: float, most: float) -> Any:
    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not between {least:g} and {most:g}")
        return value

    return number


class Command(BaseCommand):
    help = "Put load on a server: clients that come at random, speak, and measure what they hear."
    # Nothing of this installation is used, its database least of all.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--url", type=address, default="http://127.0.0.1:60215", help="where the API is (http://127.0.0.1:60215)")
        add("--key-file", type=Path, help=f"a file with an API key; otherwise the variable {KEY_VARIABLE}")
        add("--ca-file", type=Path, help="an authority to trust for https, PEM (those of this machine)")
        add("--rate", type=between(0.01, 1000), default=1.0, help="clients per second, on average (1)")
        add("--clients", type=between(1, MOST_CLIENTS), default=100, help="how many come at most (100)")
        add("--seconds", type=between(1, MOST_SECONDS), default=60.0, help="for how long clients come (60)")
        add("--grace", type=between(0, 3600), default=30.0, help="seconds for the last ones to finish (30)")
        add("--kinds", type=kinds, default=kinds(",".join(KINDS)), metavar="KIND[=WEIGHT],...", help=", ".join(KINDS))
        add(
            "--voices",
            type=weights,
            default={"demo": 1.0},
            metavar="VOICE_ID[=WEIGHT],...",
            help="demo if none is named",
        )
        add("--texts", type=Path, help="a UTF-8 file with a text in each line, which are equally likely")
        add("--turns", type=turns, default=(1, 1), help="turns of each client: 1, or from 2 to 5: 2-5")
        add("--think", type=between(0, 3600), default=2.0, help="seconds between two turns of a client, on average (2)")
        add("--slow", type=between(0, 1), default=0.0, help="the share of clients that read too slowly (0)")
        add("--vanishing", type=between(0, 1), default=0.0, help="the share that vanishes in the middle (0)")
        add("--seed", type=int, default=0, help="the same seed gives the same clients (0)")
        add(
            "--pid",
            type=int,
            help="the server's process, if it is on this machine and not the one that listens at --url",
        )
        add("--json", type=Path, help="write the result as JSON")
        add("--png", type=Path, help="draw the result (needs matplotlib)")

    def handle(self, *args: Any, **options: Any) -> None:
        require("httpx", "tqdm", *(["matplotlib"] if options["png"] else []))
        from streaming.load_test.picture import draw

        # Before the load, not after it.
        outputs = [path for path in (options["json"], options["png"]) if path]
        for path in outputs:
            if not os.access(path.absolute().parent, os.W_OK):
                raise CommandError(f"{path} cannot be written: there is no folder that can be written to.")
        report, crowd = asyncio.run(_tested(scenario_of(options), options))
        self.stdout.write(report.as_text())
        if options["json"]:
            options["json"].write_text(report.as_json() + "\n")
        if options["png"]:
            draw(options["png"], crowd.outcomes, crowd.begun, report.url)


def require(*packages: str) -> None:
    """Raises CommandError."""
    if missing := [name for name in packages if find_spec(name) is None]:
        raise CommandError(
            f"bench_stream needs packages that are not installed ({', '.join(missing)}): run "
            f"`pip install {' '.join(missing)}`, or `pip install 'xtts-stream-server[bench]'`."
        )


def scenario_of(options: dict[str, Any]) -> Scenario:
    """Raises CommandError."""
    texts: tuple[str, ...] = TEXTS
    if path := options["texts"]:
        texts = tuple(line.strip() for line in read(path).splitlines() if line.strip())
        if not texts:
            raise CommandError(f"{path} has no text in it.")
    same = ("rate", "seconds", "kinds", "voices", "turns", "think", "slow", "vanishing", "seed")
    return Scenario(clients=int(options["clients"]), texts=texts, **{name: options[name] for name in same})


def read(path: Path) -> str:
    """Raises CommandError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}.") from None


def server_process(options: dict[str, Any]) -> int | None:
    """None if the server is not on this machine."""
    if options["pid"]:
        return int(options["pid"])
    parts = urlsplit(options["url"])
    host = parts.hostname or ""
    try:
        is_here = ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    return listening_process(parts.port or {"http": 80, "https": 443}[parts.scheme]) if is_here else None


def authority(path: Path | None) -> ssl.SSLContext:
    """None: those that this machine trusts. Raises CommandError."""
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise CommandError(f"{path} is no certificate that can be used: {error.strerror or error}.") from None


async def _tested(scenario: Scenario, options: dict[str, Any]) -> "tuple[Report, Crowd]":
    """Ctrl-C, or a signal to end, stops it: the result is that of what was done until then."""
    from tqdm import tqdm  # type: ignore[import-untyped] # it has none

    from streaming.load_test.clients import Target
    from streaming.load_test.crowd import Crowd
    from streaming.load_test.figures import Figures, Outcome
    from streaming.load_test.report import Report

    key = read(options["key_file"]).strip() if options["key_file"] else os.environ.get(KEY_VARIABLE)
    crowd = Crowd(Target(options["url"], key, authority(options["ca_file"])))
    planned = visits(scenario)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    pid = server_process(options)
    watch = Watch(pid) if pid else None
    watching = asyncio.create_task(watch.run()) if watch else None
    turns_planned = sum(len(visit.turns) for visit in planned)
    columns, rows = shutil.get_terminal_size()  # never 0, which a terminal in a container may say
    shape: dict[str, Any] = {"ncols": columns, "nrows": rows, "disable": not sys.stderr.isatty()}
    with tqdm(total=turns_planned, unit="turn", **shape) as bar:

        def note(outcome: Outcome) -> None:
            ends[outcome.end] += 1
            bar.update()
            bar.set_postfix(present=crowd.present, **{end.replace(" ", "_"): many for end, many in ends.most_common(3)})

        ends: Counter[str] = Counter()
        crowd.noted = note
        seconds = await crowd.run(planned, options["grace"], stop)
    load = watch.load() if watch else None
    if watching:
        watching.cancel()
    return Report(
        url=options["url"],
        scenario=scenario,
        figures=Figures.with_kinds(crowd.outcomes),
        seconds=round(seconds, 2),
        clients=crowd.came,
        most_present=crowd.most_present,
        server=load,
        was_stopped=stop.is_set(),
    ), crowd
