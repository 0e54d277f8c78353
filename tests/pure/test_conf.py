"""The settings of the apps in any Django project: `settings.XTTS`."""

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

import voices.conf
import xtts_site.config
from streaming import conf


@pytest.fixture(autouse=True)
def _project(settings: Settings, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    settings.XTTS = {}


def test_nothing_has_to_be_set(settings: Settings, tmp_path: Path) -> None:
    del settings.XTTS
    assert conf.get_config().service.data_dir == tmp_path / "var"
    assert conf.get_config().access.require_keys is False
    assert voices.conf.get_config().unknown == "refuse"


def test_sections_are_those_of_the_settings_file(settings: Settings) -> None:
    settings.XTTS = {"access": {"require_keys": True}, "voices": {"unknown": "default"}, "forward": None}
    assert conf.get_config().access.require_keys is True
    assert conf.get_config().voices == voices.conf.get_config()
    assert voices.conf.get_config().unknown == "default"


def test_relative_paths_start_from_the_project(settings: Settings, tmp_path: Path) -> None:
    settings.XTTS = {"model": {"checkpoint_path": "models/xtts"}}
    assert conf.get_config().model.checkpoint_path == tmp_path / "models" / "xtts"


def test_without_base_dir_they_start_above_the_settings_module(settings: Settings) -> None:
    settings.BASE_DIR = None
    assert conf.get_config().service.data_dir == Path(__file__).resolve().parents[2] / "var"


@pytest.mark.parametrize("names", ["anna", {"alloy": "anna", "nova": "mira"}, None])
def test_openais_names_have_one_voice_or_one_each(settings: Settings, names: Any) -> None:
    settings.XTTS = {"voices": {"openai_names": names}}
    assert conf.get_config().voices.openai_names == names


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"service": {"prot": 1}}, "XTTS['service']['prot'] is not a setting."),
        ({"service": {"port": 1}}, "XTTS['service']['port'] is a setting of the project xtts_site only"),
        ({"acces": {}}, "XTTS['acces'] is not a setting."),
        (
            {"model": {"demo_voices": {"pt-BR": "a.onnx", "pt-PT": "b.onnx"}}},
            "XTTS['model']: demo_voices names several voices for the language pt; regions make no difference.",
        ),
        ({"model": {"demo_voices": {"Russian!": "a.onnx"}}}, "XTTS['model']['demo_voices']['Russian!']"),
        (
            {"limits": {"max_contexts": 0}},
            "XTTS['limits']['max_contexts']: input should be greater than or equal to 1.",
        ),
        ({"model": {"engine": "xtts"}}, "XTTS['model']: engine xtts needs checkpoint_path"),
        ({"voices": {"unknown": "guess"}}, "XTTS['voices']['unknown']: input should be 'refuse' or 'default'."),
        ({"voices": {"openai_names": {"aloy": "anna"}}}, "XTTS['voices']['openai_names']"),
        ({"voices": {"openai_names": "a voice"}}, "XTTS['voices']['openai_names']"),
        ([1], "XTTS must be a dictionary of sections."),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_setting(settings: Settings, values: Any, sentence: str) -> None:
    settings.XTTS = values
    with pytest.raises(ImproperlyConfigured) as caught:
        conf.get_config()
    assert str(caught.value).startswith(sentence)


def test_no_sentence_tells_a_secret(settings: Settings) -> None:
    settings.XTTS = {"redis_url": "http://:hunter2@host"}
    with pytest.raises(ImproperlyConfigured) as caught:
        conf.get_config()
    assert "hunter2" not in str(caught.value)


def test_the_voices_name_their_own_mistake(settings: Settings) -> None:
    settings.XTTS = {"voices": {"min_clip_seconds": -1}}
    with pytest.raises(ImproperlyConfigured, match=r"XTTS\['voices'\]\['min_clip_seconds'\]"):
        voices.conf.get_config()


def test_the_settings_of_the_project_are_those_that_the_apps_do_not_have() -> None:
    of_the_project = set(xtts_site.config.ServiceConfig.model_fields) - set(conf.ServiceConfig.model_fields)
    assert of_the_project == conf.OF_THE_PROJECT
