"""Sessions of all kinds beside random faults of engines, servers, Redis, the database, the disk and clients.

    python -m benchmarks.chaos --sessions 10000 --seed 1 --report benchmarks/results/chaos-COMMIT.md

Each session's audio is compared, byte by byte, with the same request alone. Violations are printed as they happen, and the
status is 1 if there was one. PostgreSQL is used where it is installed, and a disk that can be full where root runs this.
"""

import argparse
import math
import os
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.chaos.report import report_of
from benchmarks.chaos.run import Size, chaos
from benchmarks.chaos.site import Options
from tests.system.postgres import VERSIONS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--beside", type=int, default=Size.beside, help="sessions at once")
    parser.add_argument("--minutes", type=float, default=math.inf, help="the longest that sessions may begin")
    parser.add_argument("--plans", type=int, default=Size.plans, help="different requests of each kind")
    parser.add_argument("--server", choices=["uvicorn", "daphne"], help="for all nodes; without it, both are used")
    parser.add_argument("--faults", default="", help="parts of the names of the only faults, with commas")
    parser.add_argument("--no-xtts", action="store_true", help="only the embedded voices: 20 s less for each start")
    parser.add_argument("--sqlite", action="store_true", help="also where PostgreSQL is installed")
    parser.add_argument("--report", type=Path, help="a file for the report; it is printed in any case")
    parser.add_argument("--folder", type=Path, help="keep logs here")
    options = parser.parse_args()
    # A supervisor's goodbye ends everything as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    has_postgres = any(VERSIONS.glob("*/bin")) and not options.sqlite
    what = Options(
        xtts=not options.no_xtts,
        postgres=has_postgres,
        disk=os.geteuid() == 0,
        programs=(options.server,) * 3 if options.server else Options.programs,
    )
    wants = tuple(filter(None, options.faults.split(",")))
    size = Size(options.sessions, options.beside, options.plans, wants=wants, minutes=options.minutes)
    with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        run = chaos(folder, options.seed, size, what)
    report = report_of(run)
    print(report)
    if options.report:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(report)
    sys.exit(1 if run.tally.violations else 0)


if __name__ == "__main__":
    main()
