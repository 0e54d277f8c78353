"""deploy/Dockerfile, read as far as the tests need it: no container engine is there to build it."""

import json
import re
import shutil
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from xtts_site.config import PROJECT_DIR

DOCKERFILE = PROJECT_DIR / "deploy" / "Dockerfile"
IGNORED = PROJECT_DIR / ".dockerignore"


@dataclass(frozen=True)
class Instruction:
    name: str
    rest: str

    def words(self) -> list[str]:
        """Without options."""
        return [word for word in self.rest.split() if not word.startswith("--")]

    def command(self) -> list[str]:
        """In JSON, as CMD has it."""
        return list(json.loads(self.rest[self.rest.index("[") :]))


def stages() -> list[list[Instruction]]:
    """The instructions, for each FROM."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", "")
    instructions = [Instruction(*line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]
    found: list[list[Instruction]] = []
    for instruction in instructions:
        if instruction.name == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found


def named(name: str, stage: list[Instruction]) -> list[Instruction]:
    return [instruction for instruction in stage if instruction.name == name]


def copies(stage: list[Instruction]) -> list[tuple[list[str], str]]:
    """Sources in the project's folder, with where they are copied to."""
    copied = [copy.words() for copy in named("COPY", stage) if "--from" not in copy.rest]
    return [(words[:-1], words[-1]) for words in copied]


def variables(stage: list[Instruction]) -> dict[str, str]:
    return dict(word.split("=", 1) for line in named("ENV", stage) for word in line.words())


def is_ignored(path: str) -> bool:
    """Whether .dockerignore keeps a file from the build: the last line that names it, or a folder above it, counts."""
    file = PurePosixPath(path)
    places = [file, *file.parents][:-1]
    ignored = False
    for line in IGNORED.read_text().splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and any(_matches(place, pattern) for place in places):
            ignored = not line.startswith("!")
    return ignored


def _matches(place: PurePosixPath, pattern: str) -> bool:
    if anywhere := pattern.startswith("**/"):
        pattern = pattern.removeprefix("**/")
    parts = place.parts if not anywhere else place.parts[-1:]
    return len(parts) == 1 and fnmatchcase(parts[0], pattern)


def copy_as_the_build_does(folder: Path) -> None:
    """The files of the image's working directory."""
    for sources, target in copies(stages()[-1]):
        for source in sources:
            found = list(PROJECT_DIR.glob(source))
            assert found, f"{DOCKERFILE} copies {source}, which is not there"
            for path in found:
                _copy(path, folder / target / (path.name if path.is_file() else ""))


def _copy(path: Path, target: Path) -> None:
    for file in [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]:
        if not is_ignored(file.relative_to(PROJECT_DIR).as_posix()):
            copy = target / file.relative_to(path) if file != path else target
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
