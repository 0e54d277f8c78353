"""The metrics of a real server."""

import urllib.request
from collections.abc import Iterable
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.live_server import LiveServer

TOKEN = "the-token-of-a-scraper"
AUTHORIZATION = f"Bearer {TOKEN}"


class Metrics:
    """One scrape. A name is that of a sample: `speech_engine_starts_total`, `speech_gc_pause_seconds_count`."""

    def __init__(self, text: str) -> None:
        families = list(text_string_to_metric_families(text))
        self._samples = [sample for family in families for sample in family.samples]
        # What there is, whether or not it has a series by now.
        self.metrics = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}

    @classmethod
    def of(cls, server: LiveServer, prefix: str = "") -> Self:
        request = urllib.request.Request(  # noqa: S310
            f"{server.base_url}/{prefix}metrics", headers={"Authorization": AUTHORIZATION}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return cls(answer.read().decode())

    def value(self, name: str, **labels: str) -> float:
        """The sum of all series of that name with these labels, whatever else they have."""
        return sum(
            sample.value for sample in self._samples if sample.name == name and labels.items() <= sample.labels.items()
        )

    @property
    def names(self) -> set[str]:
        return {sample.name for sample in self._samples}

    @property
    def series(self) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
        return {(sample.name, tuple(sorted(sample.labels.items()))) for sample in self._samples}

    def labels(self, name: str) -> Iterable[dict[str, str]]:
        return [dict(sample.labels) for sample in self._samples if sample.name == name]
