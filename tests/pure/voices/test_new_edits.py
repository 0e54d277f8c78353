"""What is used of recordings that are just being added is chosen before they are sent."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.pure.voices.recordings import recording
from tests.pure.voices.test_admin import ADD, form, text_of
from voices.models import ReferenceClip

pytestmark = pytest.mark.django_db


def edits(start: list[str], end: list[str], gain: list[str]) -> dict[str, Any]:
    return {"recordings-trim_start": start, "recordings-trim_end": end, "recordings-gain": gain}


def add(client: Client, chosen: dict[str, Any], seconds: float = 4.0) -> str:
    """Two recordings. What the page says."""
    files = [SimpleUploadedFile(name, recording(seconds)) for name in ("a.wav", "b.wav")]
    return text_of(client.post(ADD, form(recordings=files, **chosen)).content)


def stored() -> list[tuple[Any, ...]]:
    return list(ReferenceClip.objects.values_list("original_name", "trim_start", "trim_end", "gain"))


def test_each_recording_has_its_own_numbers(admin_client: Client) -> None:
    add(admin_client, edits(["", "0.5"], ["", "3.25"], ["", "-3"]))
    assert stored() == [("a.wav", 0.0, None, 0.0), ("b.wav", 0.5, 3.25, -3.0)]
    assert ReferenceClip.objects.last().duration_seconds == 4.0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "chosen", [{}, edits(["1"], ["2"], ["3"]), edits(["1", "1"], ["2"], ["0", "0"])], ids=["none", "one", "uneven"]
)
def test_numbers_that_belong_to_no_file_are_not_used(admin_client: Client, chosen: dict[str, Any]) -> None:
    add(admin_client, chosen)
    assert stored() == [("a.wav", 0.0, None, 0.0), ("b.wav", 0.0, None, 0.0)]


@pytest.mark.parametrize(
    ("start", "gain", "sentence"),
    [
        ("a", "0", "b.wav: Start, s: Enter a number."),
        ("nan", "0", "b.wav: Start, s: Enter a number."),
        ("-1", "0", "b.wav: Start, s: Ensure this value is greater than or equal to 0.0."),
        ("1e305", "0", "b.wav: Start, s: Ensure this value is less than or equal to 86400.0."),
        ("0", "7000", "b.wav: Gain, dB: Ensure this value is less than or equal to 30.0."),
        ("3.9", "0", "b.wav: "),
    ],
)
def test_a_number_that_cannot_be_is_an_error_that_names_the_file(
    admin_client: Client, start: str, gain: str, sentence: str
) -> None:
    page = add(admin_client, edits(["", start], ["", ""], ["", gain]))
    assert page.count(sentence) == 2  # in the list and beside the field
    assert stored() == []


def test_the_page_offers_them_for_each_new_file(admin_client: Client) -> None:
    page = admin_client.get(ADD).content.decode()
    template = page.partition("<template>")[2].partition("</template>")[0]
    for name in ("trim_start", "trim_end", "gain"):
        assert template.count(f'name="recordings-{name}"') == 1


def test_a_form_that_comes_back_says_that_its_files_are_gone(admin_client: Client) -> None:
    sentence = "Choose or record all new recordings again."
    assert sentence in add(admin_client, edits(["", "a"], ["", ""], ["", ""]))
    assert sentence not in text_of(admin_client.post(ADD, form(name="")).content)
