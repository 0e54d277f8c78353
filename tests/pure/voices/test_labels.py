"""Labels as people write them into the admin's form."""

import json

import pytest
from django.core.exceptions import ValidationError

from voices.labels import check_labels
from voices.labels_form import LabelsField, labels_in, parts_of


def test_usual_labels_have_fields_of_their_own_and_others_have_lines() -> None:
    labels = {"accent": "scottish", "mood": "calm", "age": "old", "source": "studio: B"}
    parts = parts_of(labels)
    assert parts == ["scottish", "", "old", "", "mood: calm\nsource: studio: B"]
    assert labels_in(parts) == labels


def test_what_is_written_is_stored_without_the_blanks_around_it() -> None:
    assert LabelsField().clean([" scottish ", "", "", "", "\n mood :  calm \n\n"]) == {
        "accent": "scottish",
        "mood": "calm",
    }


def test_no_labels() -> None:
    assert LabelsField(required=False).clean(["", "", "", "", " \n"]) == {}


@pytest.mark.parametrize("line", ["calm", ": calm", "mood:", "[" * 5000])
def test_a_line_that_is_no_label_is_refused_with_what_to_write(line: str) -> None:
    with pytest.raises(ValidationError, match="name: value"):
        LabelsField().clean(["", "", "", "", line])


@pytest.mark.parametrize("lines", ["mood: calm\nmood: glad", "accent: irish"])
def test_a_label_that_is_there_twice_is_refused(lines: str) -> None:
    with pytest.raises(ValidationError, match="there twice"):
        LabelsField().clean(["scottish", "", "", "", lines])


def test_too_many_labels_are_refused() -> None:
    with pytest.raises(ValidationError, match="at most 20"):
        LabelsField().clean(["", "", "", "", "\n".join(f"name{number}: x" for number in range(21))])


@pytest.mark.parametrize("text", ["\0", "\ud800"])
def test_characters_that_not_every_database_takes_are_refused(text: str) -> None:
    for labels in ({"a": text}, {text: "a"}):
        with pytest.raises(ValidationError, match="unsupported character"):
            check_labels(json.loads(json.dumps(labels)))


def test_labels_that_no_page_can_show_are_shown_as_escapes() -> None:
    assert parts_of({"a\nb": "\ud800"})[-1] == "a b: \\ud800"
