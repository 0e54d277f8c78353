"""Everything that a GPU has to show, within eight minutes: correctness, load, what takes the time.

    benchmarks/gpu_check.sh                              # on a machine with a GPU
    benchmarks/gpu_check.sh --device cpu --size tiny     # a rehearsal

Needs torch, numba and msgpack (matplotlib for the picture); neither Django nor coqui-tts nor a checkpoint. Each part runs in
a process that it may break: a part that fails says so, and the others run. Into --out go report.json, load.json, load.png,
the kernels of a step (step_of_8.txt) and what the processes said (log.txt). A table comes last; the exit code is 1 if
anything failed. In a copy without git, COMMIT names the commit; PATIENCE=10 gives every part ten times as long.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from benchmarks.gpu.result import SPOILED, Result, show
from benchmarks.provenance import PROJECT_DIR, provenance

WORKER = "benchmarks.gpu.worker"
# In one process, after each other; then those that want the GPU's memory for themselves.
CORRECTNESS = ("graph", "kernels", "precision", "batch", "cuts", "seed", "waits", "devices")
TIMES = ("times",)
PART_SECONDS = 60.0
LOAD_SECONDS = 210.0
SANITIZER_SECONDS = 100.0
ALL_SECONDS = 465.0
STREAMS = "1,8,64,128,256"
_LOOK_SECONDS = 0.1
_END_SECONDS = 5.0
_TOO_LONG = "it took longer than"
_SANITIZER_FOUND = 9


@dataclass(frozen=True, slots=True)
class Check:
    size: str
    device: str
    out: Path
    streams: str
    load_seconds: float
    deadline: float
    part_seconds: float = PART_SECONDS
    worker: str = WORKER
    # The limits that are not a part's are so many times as long.
    patience: int = 1

    def remaining(self, most: float) -> float:
        return max(0.0, min(most, self.deadline - time.monotonic()))

    def run(self) -> Iterator[Result]:
        yield from self._parts(CORRECTNESS)
        yield self._load()
        yield from self._parts(TIMES)
        yield self._sanitizer()

    def _parts(self, names: Sequence[str]) -> list[Result]:
        """In a process; if one breaks it, the rest in another."""
        results: list[Result] = []
        while left := names[len(results) :]:
            if self.remaining(self.part_seconds) < 1:
                return results + [Result(name, "not run", said="there was no time left") for name in left]
            results += self._parts_of_one_process(left)
        return results

    def _parts_of_one_process(self, names: Sequence[str]) -> list[Result]:
        """At least the first of them: as far as the process comes."""
        for name in names:
            self._path(name).unlink(missing_ok=True)
        command = [sys.executable, "-m", self.worker, *self._options(), "--parts", ",".join(names)]
        results: list[Result] = []
        with (self.out / "log.txt").open("a") as log:
            process = subprocess.Popen(command, cwd=PROJECT_DIR, stdout=log, stderr=log, start_new_session=True)
            for name in names:
                if (result := self._await(process, name)) is None:
                    break
                results.append(result)
                if not self._path(name).exists():
                    break
                self._path(name).unlink()
            _end(process)
        return results

    def _await(self, process: "subprocess.Popen[bytes]", name: str) -> Result | None:
        """None if the part before has spoiled the process for this one."""
        begun, limit = time.monotonic(), self.remaining(self.part_seconds)
        while time.monotonic() - begun < limit:
            is_over = process.poll() is not None
            if self._path(name).exists():
                return Result(**json.loads(self._path(name).read_text()))
            if process.returncode == SPOILED:
                return None
            if is_over:
                return Result(name, "fails", time.monotonic() - begun, said=self._last_words(process.returncode))
            time.sleep(_LOOK_SECONDS)
        _end(process)
        return Result(name, "fails", time.monotonic() - begun, said=f"{_TOO_LONG} {limit:.0f} s")

    def _load(self) -> Result:
        json_path, plot_path = self.out / "load.json", self.out / "load.png"
        json_path.unlink(missing_ok=True)
        command = [sys.executable, "benchmarks/load.py", "--size", self.size, "--device", self.device]
        command += ["--streams", self.streams, "--seconds", str(self.load_seconds), "--json", str(json_path)]
        command += ["--slots", str(max(map(int, self.streams.split(","))))]
        command += ["--plot", str(plot_path)] if _has_matplotlib() else []
        # A rehearsal shows that everything runs, however slow this machine is.
        command += ["--to-the-end"] if self.device == "cpu" else []
        result = self._command("load", command, LOAD_SECONDS * self.patience)
        if json_path.exists():
            report = json.loads(json_path.read_text())
            result.figures = {"fluent up to": report["limit"]["fluent"], "not with": report["limit"]["stuttering"]}
        return result

    def _sanitizer(self) -> Result:
        tool = shutil.which("compute-sanitizer") or shutil.which("compute-sanitizer", path="/usr/local/cuda/bin")
        if not tool or self.device == "cpu":
            return Result("sanitizer", "not run", said="there is no GPU" if tool else "compute-sanitizer is not there")
        self._path("short").unlink(missing_ok=True)
        # Libraries ask the driver for what it may not have: such errors are no wrong accesses.
        command = [tool, "--tool", "memcheck", "--report-api-errors", "no"]
        command += ["--error-exitcode", str(_SANITIZER_FOUND), sys.executable]
        command += ["-m", WORKER, *self._options(size="tiny"), "--parts", "short"]
        result = self._command("sanitizer", command, SANITIZER_SECONDS * self.patience)
        if result.said.startswith(_TOO_LONG):
            result.verdict = "not run"
        elif result.verdict == "holds" and not self._path("short").exists():
            result.verdict, result.said = "fails", "the run under compute-sanitizer did not come to its end"
        self._path("short").unlink(missing_ok=True)
        return result

    def _command(self, name: str, command: Sequence[str], most: float) -> Result:
        begun, limit = time.monotonic(), self.remaining(most)
        if limit < 1:
            return Result(name, "not run", said="there was no time left")
        with (self.out / "log.txt").open("a") as log:
            process = subprocess.Popen(command, cwd=PROJECT_DIR, stdout=log, stderr=log, start_new_session=True)
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                _end(process)
                return Result(name, "fails", time.monotonic() - begun, said=f"{_TOO_LONG} {limit:.0f} s")
        said = self._last_words(code) if code else ""
        return Result(name, "fails" if code else "holds", time.monotonic() - begun, said=said)

    def _options(self, *, size: str | None = None) -> list[str]:
        return ["--size", size or self.size, "--device", self.device, "--out", str(self.out)]

    def _path(self, name: str) -> Path:
        """Of a part's result, on its way from its process."""
        return self.out / f"{name}.result"

    def _last_words(self, code: int) -> str:
        lines = [line for line in (self.out / "log.txt").read_text(errors="replace").splitlines() if line.strip()]
        return f"exit code {code}: {lines[-1].strip() if lines else 'no word'}"


def _end(process: "subprocess.Popen[bytes]") -> None:
    """With whatever it has started. A process that a GPU's driver holds does not end even now; nobody waits for it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)


def _has_matplotlib() -> bool:
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def card() -> dict[str, str]:
    """The GPU and its driver, by nvidia-smi; nothing where there is none."""
    fields = ("name", "driver_version", "memory.total", "power.limit")
    try:
        command = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    values = done.stdout.partition("\n")[0].split(", ")
    return dict(zip(fields, values, strict=False))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--size", choices=("tiny", "small", "full"), default="full")
    add("--device", default="cuda:0")
    add("--out", type=Path, default=Path("gpu_check"), help="a folder for the results; default gpu_check")
    add("--streams", default=STREAMS, help=f"numbers of listeners; default {STREAMS}")
    add("--load-seconds", type=float, default=10.0, help="for how long each number of listeners asks; default 10")
    add("--part-seconds", type=float, default=PART_SECONDS, help="the most that a part may take; default 60")
    return parser.parse_args(arguments)


def main() -> int:
    options = parse()
    out: Path = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    begun, patience = time.monotonic(), int(os.environ.get("PATIENCE", "1"))
    (out / "log.txt").write_text("")
    (out / "load.json").unlink(missing_ok=True)
    check = Check(
        options.size,
        options.device,
        out,
        options.streams,
        options.load_seconds,
        deadline=begun + ALL_SECONDS * patience,
        part_seconds=options.part_seconds * patience,
        patience=patience,
    )
    about = {**provenance(), "card": card(), "size": options.size, "device": options.device}
    results: list[Result] = []
    # Whoever ends this one gets the table of what there is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        results.extend(check.run())
    finally:
        load = json.loads((out / "load.json").read_text()) if (out / "load.json").exists() else None
        seconds = time.monotonic() - begun
        report = {**about, "seconds": seconds, "results": [asdict(result) for result in results], "load": load}
        (out / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        print(show(report), flush=True)
    return 1 if any(result.verdict == "fails" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
