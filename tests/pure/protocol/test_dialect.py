"""Which dialect a query is in, and whose client has made it."""

import pytest

from streaming.protocol.dialect import (
    ELEVENLABS_ONLY,
    NATIVE_BY_THEMSELVES,
    NATIVE_ONLY,
    OURS,
    Dialect,
    dialect_of,
    is_certainly_elevenlabs,
)


@pytest.mark.parametrize("name", sorted(NATIVE_ONLY | NATIVE_BY_THEMSELVES))
def test_a_native_parameter_makes_the_query_native(name: str) -> None:
    assert dialect_of({name}) is dialect_of({name, "output_format", "sync_alignment"}) is Dialect.NATIVE


@pytest.mark.parametrize("name", ["model_id", "language_code", "output_format", "seed", "MODE", "target_lead_ms"])
def test_no_other_name_is_native(name: str) -> None:
    assert dialect_of({name}) is Dialect.ELEVENLABS


@pytest.mark.parametrize("added", sorted(NATIVE_BY_THEMSELVES))
@pytest.mark.parametrize("name", sorted(ELEVENLABS_ONLY))
def test_language_and_speed_do_not_switch_the_dialect_of_a_client_of_elevenlabs(name: str, added: str) -> None:
    assert dialect_of({name, added}) is Dialect.ELEVENLABS
    assert is_certainly_elevenlabs({name, added, "output_format"})


@pytest.mark.parametrize("name", sorted(NATIVE_ONLY))
def test_a_name_that_elevenlabs_does_not_know_switches_it_all_the_same(name: str) -> None:
    assert dialect_of({"model_id", "language_code", name}) is Dialect.NATIVE


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_query_with_a_name_of_ours_was_not_made_for_elevenlabs(name: str) -> None:
    assert not is_certainly_elevenlabs({"model_id", name})
    assert dialect_of({"model_id", "language", name}) is Dialect.NATIVE


@pytest.mark.parametrize("names", [set(), {"output_format"}, {"sync_alignment", "inactivity_timeout"}, {"language"}])
def test_without_a_name_that_only_elevenlabs_has_nothing_is_certain(names: set[str]) -> None:
    assert not is_certainly_elevenlabs(names)
