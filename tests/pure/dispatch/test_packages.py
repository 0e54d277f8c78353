"""What an engine needs and what is there."""

from unittest.mock import Mock

import pytest

from streaming.dispatch import packages
from streaming.dispatch.packages import MissingPackages, require_packages


@pytest.mark.parametrize("engine", ["demo", "xtts"])
def test_what_is_installed_is_not_missed(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    found = Mock(return_value="here")
    monkeypatch.setattr(packages, "find_spec", found)
    require_packages(engine)
    assert [call.args[0] for call in found.call_args_list] == list(packages.PACKAGES[engine])


@pytest.mark.parametrize(("engine", "command"), [("demo", "make run"), ("xtts", "make xtts")])
def test_what_is_missing_is_one_sentence_that_says_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, engine: str, command: str
) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(MissingPackages) as caught:
        require_packages(engine)
    assert f"run `{command}` in the project's folder, or `pip install 'xtts-stream-server[{engine}]'`." in str(
        caught.value
    )
