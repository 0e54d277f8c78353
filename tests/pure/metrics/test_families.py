"""Our figures in Prometheus' text."""

from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from streaming.measures.distribution import Distribution
from streaming.metrics.families import counter, gauge, histogram


class One(Collector):
    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric


def text(metric: Metric) -> list[str]:
    registry = CollectorRegistry()
    registry.register(One(metric))
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_a_distribution_is_a_histogram_that_counts_upwards() -> None:
    waits = Distribution((0.1, 1.0))
    for value in (0.05, 0.5, 0.5, 3.0):
        waits.add(value)
    assert text(histogram("wait_seconds", "Waits.", waits)) == [
        'speech_wait_seconds_bucket{le="0.1"} 1.0',
        'speech_wait_seconds_bucket{le="1.0"} 3.0',
        'speech_wait_seconds_bucket{le="+Inf"} 4.0',
        "speech_wait_seconds_count 4.0",
        "speech_wait_seconds_sum 4.05",
    ]


@pytest.mark.parametrize(("family", "name"), [(counter, "speech_deaths_total"), (gauge, "speech_deaths")])
def test_a_number_has_a_row_for_each_label(family: Callable[..., Metric], name: str) -> None:
    rows = {("hung",): 2, ("exited",): 0}
    assert text(family("deaths", "Deaths.", rows, ("cause",))) == [
        f'{name}{{cause="hung"}} 2.0',
        f'{name}{{cause="exited"}} 0.0',
    ]


def test_a_number_may_have_no_labels() -> None:
    assert text(gauge("slots", "Slots.", 3)) == ["speech_slots 3.0"]
