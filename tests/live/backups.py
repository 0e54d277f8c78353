"""The commands of docs/backup.md, run as they stand there."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import httpx

from benchmarks.live_server import LiveServer
from xtts_site.config import PROJECT_DIR

DOCUMENT = PROJECT_DIR / "docs" / "backup.md"


def commands(title: str, database: str) -> str:
    """Those of a section for SQLite or PostgreSQL."""
    section = DOCUMENT.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    block = re.search(
        rf"^[^\n]*{database}\b[^`]*(?:`[^`\n]+`[^`]*)*\n```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL
    )
    assert block, f"{DOCUMENT} has no commands for {database} under {title}"
    return block[1]


def run_documented(
    title: str, database: str, data: Path, backups: Path, meanwhile: Sequence[str] = (), **environment: str
) -> None:
    """With the folders of a test in place of those of an installation; the date of a restore is that of the backup.
    `meanwhile`: commands that are run as soon as a backup has the database."""
    script = commands(title, database)
    if meanwhile:
        lines = script.splitlines()
        [last] = [number for number, line in enumerate(lines) if "db.sqlite3'])" in line]
        script = "\n".join([*lines[: last + 1], *meanwhile, *lines[last + 1 :]])
    for ours, theirs in {"/var/lib/xtts": data, "/var/backups/xtts": backups, "/opt/xtts": PROJECT_DIR}.items():
        assert str(ours) in script or str(ours) == "/opt/xtts", f"{ours} is not in the commands"
        script = script.replace(str(ours), str(theirs))
    if title == "Restore":
        [made] = backups.iterdir()
        script = re.sub(r"^BACKUP=.*$", f"BACKUP={made}", script, flags=re.MULTILINE)
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def spoken(server: LiveServer, voice_id: str, key: str = "") -> bytes:
    """What the voice says, from a seed."""
    answer = httpx.post(
        f"{server.base_url}/v1/text-to-speech/{voice_id}?output_format=pcm_16000",
        json={"text": "Good morning.", "seed": 7},
        headers={"xi-api-key": key} if key else {},
        timeout=120,
    )
    assert answer.status_code == 200, answer.text
    return answer.content
