"""The files of `spoken`: for each language, what is written and what is said."""

from pathlib import Path

FOLDER = Path(__file__).parent / "spoken"


def languages() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def table(language: str) -> list[tuple[str, str]]:
    """What is written, and what is said for it. A "\\n" in the file stands for a new line."""
    lines = (FOLDER / f"{language}.txt").read_text(encoding="utf-8").splitlines()
    rows = (line.split(" => ") for line in lines if line and not line.startswith("# "))
    return [(written.replace("\\n", "\n"), said) for written, said in rows]
