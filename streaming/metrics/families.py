"""Our figures as Prometheus' metrics."""

from collections.abc import Iterable, Mapping
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.utils import floatToGoString

from streaming.measures.distribution import Distribution

PREFIX = "speech_"
# The values of a metric's labels -> its value.
Rows = Mapping[tuple[str, ...], float]


def counter(name: str, meaning: str, rows: Rows | float, labels: tuple[str, ...] = ()) -> CounterMetricFamily:
    """`name` without `_total`."""
    family = CounterMetricFamily(PREFIX + name, meaning, labels=labels)
    for values, value in _rows(rows):
        family.add_metric(values, value)
    return family


def gauge(name: str, meaning: str, rows: Rows | float, labels: tuple[str, ...] = ()) -> GaugeMetricFamily:
    family = GaugeMetricFamily(PREFIX + name, meaning, labels=labels)
    for values, value in _rows(rows):
        family.add_metric(values, value)
    return family


def histogram(
    name: str, meaning: str, rows: Mapping[tuple[str, ...], Distribution] | Distribution, labels: tuple[str, ...] = ()
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(PREFIX + name, meaning, labels=labels)
    for values, distribution in {(): rows}.items() if isinstance(rows, Distribution) else rows.items():
        totals = distribution.totals
        ends = [*map(floatToGoString, distribution.bounds), "+Inf"]
        family.add_metric(values, list(zip(ends, accumulate(totals.counts), strict=True)), totals.sum)
    return family


def _rows(rows: Rows | float) -> Iterable[tuple[tuple[str, ...], float]]:
    return [((), float(rows))] if isinstance(rows, int | float) else list(rows.items())
