"""What this server keeps is its user's alone: recordings, sessions, keys' hashes, the secret key.

Other users of the machine could else read the sessions from the database, and go on as the administrator.
"""

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import dj_database_url

from xtts_site.config import Config

logger = logging.getLogger("xtts_site.private_files")

UMASK = 0o077
FILE: int = 0o600
FOLDER: int = 0o700
OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# What SQLite puts beside a database.
BESIDE_SQLITE = ("", "-wal", "-shm", "-journal")
MOST_NAMES = 3


def keep_private() -> None:
    """Whatever this process makes from now on, and every process that it starts, is for its user alone."""
    os.umask(UMASK)


def repair(config: Config) -> None:
    """Take from other users what an older version, or a copy, left to them."""
    repaired = [str(path) for path in _kept(config) if _take_from_others(path)]
    if repaired:
        more = f" and {len(repaired) - MOST_NAMES} more" if len(repaired) > MOST_NAMES else ""
        logger.warning(
            "Other users of this machine could read %s%s; now they cannot. If there are such users, set a new password for "
            "each administrator, which also ends old sessions",
            ", ".join(repaired[:MOST_NAMES]),
            more,
        )


def _kept(config: Config) -> Iterator[Path]:
    """Files and folders of the server, each folder before what is in it: then nobody exchanges that meanwhile. Links are not
    followed, but for the folder of the recordings, which may be on another disk."""
    data_dir = config.service.data_dir
    recordings = [(config.recordings_folder / name).resolve() for name in ("clips", "copies")]
    for top in (data_dir, *recordings):
        yield top
        for folder, folders, files in os.walk(top):
            yield from (Path(folder, name) for name in (*folders, *files))
    if config.database_url and config.database_url.startswith("sqlite"):
        database = str(dj_database_url.parse(config.database_url)["NAME"])
        yield from (Path(database + end) for end in BESIDE_SQLITE)


def _take_from_others(path: Path) -> bool:
    """Whether there was anything to take. What is not this user's is not touched."""
    try:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid() or not found.st_mode & OF_OTHERS:
            return False
        path.chmod(stat.S_IMODE(found.st_mode) & ~OF_OTHERS)
        return not path.lstat().st_mode & OF_OTHERS  # some file systems know no such rights
    except OSError:  # it does not exist
        return False
