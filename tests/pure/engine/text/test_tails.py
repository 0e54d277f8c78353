"""What the model is not given, because it makes XTTS go on after its text. Each rule and its switch."""

from dataclasses import fields, replace

import pytest

from streaming.conf import TailsConfig
from streaming.engine.text.tails import AS_COQUI, Tails

RULES: dict[str, list[tuple[str, str, str | None]]] = {
    "drop_quotes": [
        ("he asked, “where are you?”", "en", "he asked, where are you?"),
        ("»wo bist du?« fragte er.", "de", "wo bist du? fragte er."),
        ("il dit : « viens ! »", "fr", "il dit : viens !"),
        ("she said ‘no!’", "en", "she said no!"),
        ("don't, l'amour, rock ’n’ roll", "en", "don't, l'amour, rock n roll"),
        ("「行く」と言った。", "ja", "行くと言った。"),
    ],
    "plain_marks": [
        ("... and then . he left .", "en", "and then. he left."),
        ("what ?!?! no!!!", "en", "what? no!"),
        ("wait... what.. now", "en", "wait... what. now"),
        (". . hello", "en", "hello"),
        ("hello . . .", "en", "hello..."),
    ],
    "drop_last_dash": [
        ("he left -", "en", "he left."),
        ("he left—", "en", "he left."),
        ("a well-known man", "en", None),
    ],
    "close_short_texts": [
        ("hello", "en", "hello."),
        ("hello!", "en", None),
        ("a text of many words that ends without a mark", "en", None),
    ],
    "spaced_stops": [
        ("olá, mundo.", "pt", "olá, mundo ."),
        ("olá, mundo!", "pt", None),
        ("primo. secondo.", "it", "primo. secondo ."),
        ("attends...", "fr", None),
        ("hello.", "en", None),
    ],
}
CASES = [(rule, *case) for rule, cases in RULES.items() for case in cases]


@pytest.mark.parametrize(("rule", "text", "language", "settled"), CASES)
def test_a_rule_changes_what_it_names_and_nothing_when_it_is_off(
    rule: str, text: str, language: str, settled: str | None
) -> None:
    alone = replace(AS_COQUI, **{rule: getattr(Tails(), rule)})
    assert alone.settle(text, language) == (settled or text)
    assert AS_COQUI.settle(text, language) == text


def test_every_rule_has_a_switch_in_the_settings_with_the_same_default() -> None:
    settings = TailsConfig().model_dump()
    assert settings == {field.name: getattr(Tails(), field.name) for field in fields(Tails)}
    assert {*RULES, "slowest_rate", "end_at_pause"} == settings.keys()


def test_the_rules_together() -> None:
    assert Tails().settle("“olá!?” —", "pt") == "olá?."
    assert Tails().settle("«ciao»", "it") == "ciao ."


@pytest.mark.parametrize("pattern", ["“", ". ", "!", "-", " ", "a.", "'", "—"])
def test_a_long_run_of_anything_is_settled_in_one_go(pattern: str) -> None:
    text = (pattern * 20_000)[:20_000]
    assert len(Tails().settle(text, "pt")) <= len(text) + 2
