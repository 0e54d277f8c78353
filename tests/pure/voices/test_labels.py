"""Labels as people write them into the admin's form."""

import json

import pytest
from django.core.exceptions import ValidationError

from voices.labels import LabelsField, check_labels


@pytest.mark.parametrize("written", ["[" * 5000, "9" * 5000, "{", '{"a": NaN'], ids=["deep", "long", "open", "broken"])
def test_what_cannot_be_read_is_refused_with_a_sentence(written: str) -> None:
    with pytest.raises(ValidationError, match="valid JSON"):
        LabelsField().clean(written)


def test_what_can_be_read_is_read() -> None:
    assert LabelsField().clean('{"accent": "scottish"}') == {"accent": "scottish"}


@pytest.mark.parametrize("text", ["\0", "\ud800"])
def test_characters_that_not_every_database_takes_are_refused(text: str) -> None:
    for labels in ({"a": text}, {text: "a"}):
        with pytest.raises(ValidationError, match="unsupported character"):
            check_labels(json.loads(json.dumps(labels)))
