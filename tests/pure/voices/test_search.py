from datetime import UTC, datetime, timedelta

import pytest

from voices.models import ReferenceClip, Voice
from voices.search import BadPageToken, Page, Wanted, find


def voice(voice_id: str, name: str, age_days: int = 0, **fields: object) -> Voice:
    """A voice that no database has, without recordings."""
    made = Voice(
        pk=1, voice_id=voice_id, name=name, created_at=datetime(2026, 1, 1, tzinfo=UTC) - timedelta(age_days), **fields
    )
    made._prefetched_objects_cache = {"clips": ReferenceClip.objects.none()}  # type: ignore[attr-defined]
    return made


VOICES = [
    voice("v1", "Zoe", 1, description="Calm and low"),
    voice("v2", "anna", 2, language="de", labels={"accent": "bavarian", "gender": "female"}),
    voice("v3", "Bob", 3, labels={"gender": "male"}),
    voice("v4", "Bob", 4),
]


def names(page: Page) -> list[str]:
    return [voice.voice_id for voice in page.voices]


ANY = Wanted()


def search(wanted: Wanted = ANY, *, descending: bool = False, size: int = 10, by: str = "name") -> Page:
    return find(VOICES, wanted, sort=by, descending=descending, size=size, token=None)  # type: ignore[arg-type]


def test_names_are_sorted_without_regard_to_case_and_equal_ones_by_id() -> None:
    assert names(search()) == ["v2", "v3", "v4", "v1"]


def test_the_other_direction() -> None:
    assert names(search(descending=True)) == ["v1", "v4", "v3", "v2"]


def test_the_oldest_first() -> None:
    assert names(search(by="created_at_unix")) == ["v4", "v3", "v2", "v1"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("zo", ["v1"]),
        ("LOW", ["v1"]),
        ("bavarian", ["v2"]),
        ("v4", ["v4"]),
        ("bavar", ["v2"]),
        ("premade", 4),
        ("x y", []),
    ],
)
def test_a_word_is_looked_for_everywhere(text: str, found: list[str] | int) -> None:
    result = names(search(Wanted(text=text)))
    assert (result if isinstance(found, list) else len(result)) == found


def test_labels_and_ids_and_categories_must_all_fit() -> None:
    assert names(search(Wanted(labels={"gender": frozenset({"male", "female"})}))) == ["v2", "v3"]
    assert names(search(Wanted(labels={"gender": frozenset({"male"})}, voice_ids=frozenset({"v2"})))) == []
    assert names(search(Wanted(voice_ids=frozenset({"v1", "v4", "no"})))) == ["v4", "v1"]
    assert names(search(Wanted(categories=frozenset({"cloned"})))) == []


@pytest.mark.parametrize("by", ["name", "created_at_unix"])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_pages_together_are_the_whole(size: int, descending: bool, by: str) -> None:
    whole = names(search(descending=descending, by=by))
    seen, token = [], None
    while True:
        page = find(VOICES, Wanted(), sort=by, descending=descending, size=size, token=token)  # type: ignore[arg-type]
        assert page.total == len(VOICES)
        assert len(page.voices) <= size
        seen += names(page)
        if (token := page.next_token) is None:
            break
    assert seen == whole


def test_a_voice_that_goes_moves_no_other_to_another_page() -> None:
    first = find(VOICES, Wanted(), sort="name", descending=False, size=2, token=None)
    left = [voice for voice in VOICES if voice.voice_id != "v2"]
    second = find(left, Wanted(), sort="name", descending=False, size=2, token=first.next_token)
    assert names(second) == ["v4", "v1"]


@pytest.mark.parametrize("token", ["x", "bnVsbA==", "WzEsICJhIl0=", "W10=", "é", "WyJhIl0="])
def test_a_token_of_nobodys_is_refused(token: str) -> None:
    with pytest.raises(BadPageToken):
        find(VOICES, Wanted(), sort="name", descending=False, size=2, token=token)
