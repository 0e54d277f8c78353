"""Settings: file, environment, and one sentence for whatever is wrong with them."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

import voices.conf
import xtts_site.config
from streaming import conf
from xtts_site.config import Config, ConfigError, load_config, setting_keys


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's folder of our own."""
    (tmp_path / "manage.py").touch()
    monkeypatch.setattr(xtts_site.config, "PROJECT_DIR", tmp_path)


def load(text: str | None = None, **environment: str) -> Config:
    if text is not None:
        (xtts_site.config.PROJECT_DIR / "config.yaml").write_text(text)
    return load_config(environment)


def refused(text: str | None = None, **environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text, **environment)
    sentence = str(caught.value)
    assert re.search(r"[^.?!][.?!]\Z", sentence), f"not one sentence: {sentence}"
    assert "\n" not in sentence
    return sentence


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    config = load()
    assert (config.service.host, config.service.port) == ("127.0.0.1", 60215)
    assert config.service.data_dir == tmp_path / "var"
    assert (config.redis_url, config.database_url) == (None, None)


def test_the_file_overrides_the_defaults() -> None:
    config = load("service: {port: 8000}\nredis_url: redis://localhost/0\nforward: {allowed_prefixes: ['a:', 'b:']}")
    assert config.service.port == 8000
    assert config.redis_url == "redis://localhost/0"
    assert config.forward.allowed_prefixes == ("a:", "b:")


def test_the_environment_overrides_the_file() -> None:
    config = load("service: {port: 8000, host: '::1'}", XTTS_SERVICE__PORT="9000")
    assert (config.service.port, config.service.host) == (9000, "::1")


def test_the_environment_is_read_as_yaml() -> None:
    config = load(XTTS_SERVICE__ALLOWED_HOSTS="[a.example, b.example]", XTTS_FORWARD__RAW_CHANNELS="no")
    assert config.service.allowed_hosts == ("a.example", "b.example")
    assert config.forward.raw_channels is False


def test_urls_have_the_names_that_hosting_platforms_set() -> None:
    config = load("redis_url: redis://file/0", REDIS_URL="redis://environment/0", DATABASE_URL="postgres://host/voices")
    assert config.redis_url == "redis://environment/0"
    assert config.database_url == "postgres://host/voices"


def test_a_key_of_a_bucket_is_what_it_says_whatever_it_would_mean_in_yaml() -> None:
    keys = {"XTTS_STORAGE__ACCESS_KEY": "1234", "XTTS_STORAGE__SECRET_KEY": "a: [b"}
    config = load("storage: {bucket: abc}", **keys)
    assert (config.storage.access_key, config.storage.secret_key) == ("1234", "a: [b")


def test_an_empty_url_in_the_environment_is_none() -> None:
    assert load(REDIS_URL="", DATABASE_URL="").redis_url is None


@pytest.mark.parametrize(
    ("text", "devices"),
    [
        ("", ("auto",)),
        ("device: cpu", ("cpu",)),
        ("device: cuda", ("cuda",)),
        ("device: cuda:1", ("cuda:1",)),
        ("device: 'cuda:0, cuda:1'", ("cuda:0", "cuda:1")),
        ("device: [cuda:0, cuda:3]", ("cuda:0", "cuda:3")),
    ],
)
def test_there_may_be_several_gpus(text: str, devices: tuple[str, ...]) -> None:
    assert load(f"model: {{{text}}}").model.device == devices


def test_gpus_can_be_named_in_the_environment() -> None:
    assert load(XTTS_MODEL__DEVICE="cuda:0,cuda:1").model.device == ("cuda:0", "cuda:1")


@pytest.mark.parametrize(
    ("text", "uses_xtts"),
    [
        ("", False),
        ("checkpoint_path: xtts", True),
        ("checkpoint_path: xtts, engine: xtts", True),
        ("checkpoint_path: xtts, engine: demo", False),
    ],
)
def test_a_checkpoint_is_what_decides_for_xtts(text: str, uses_xtts: bool) -> None:
    assert load(f"model: {{{text}}}").model.uses_xtts is uses_xtts


@pytest.mark.parametrize("text", ["", "# nothing\n", "service:\n#  port: 8000\n", "---\n"])
def test_what_is_commented_out_is_not_set(text: str) -> None:
    assert load(text).service.port == 60215


def test_a_commented_out_section_can_be_set_by_the_environment() -> None:
    assert load("service:\n#  port: 8000\n", XTTS_SERVICE__PORT="9000").service.port == 9000


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "xtts.yaml").write_text("service: {data_dir: data}\nmodel: {speaker_wav: /srv/me.wav}")
    config = load(XTTS_SETTINGS_FILE=str(tmp_path / "etc" / "xtts.yaml"))
    assert config.service.data_dir == tmp_path / "etc" / "data"
    assert config.model.speaker_wav == Path("/srv/me.wav")


def test_a_path_may_begin_with_the_home_folder() -> None:
    assert load("service: {data_dir: ~/xtts}").service.data_dir == Path.home() / "xtts"


def test_the_keys_are_known_by_name() -> None:
    keys = setting_keys()
    assert {"service.port", "model.speaker_wav", "voices.unknown", "forward.raw_channels", "redis_url"} < set(keys)
    assert not {"service", "model", "voices", "forward"} & set(keys)
    assert len(keys) == len(set(keys))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError):
        load().service.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "named", "suggested"),
    [
        ("service: {prot: 1}", "service.prot", "service.port"),
        ("servce: {port: 1}", "servce", "service"),
        ("redis: redis://host", "redis", "redis_url"),
        ("zzz: 1", "zzz", "service.port"),
    ],
)
def test_an_unknown_key_in_the_file_is_named_and_something_suggested(text: str, named: str, suggested: str) -> None:
    sentence = refused(text)
    assert f"config.yaml sets {named}, which is not a setting" in sentence
    assert suggested in sentence


@pytest.mark.parametrize(
    ("variable", "suggested"),
    [
        ("XTTS_SERVICE__PROT", "service.port"),
        ("XTTS_SERVCE__PORT", "service.port"),
        ("XTTS_REDIS__URL", "redis_url"),
        ("XTTS_SERVICE__", "service.port"),
    ],
)
def test_an_unknown_variable_is_named_and_something_suggested(variable: str, suggested: str) -> None:
    sentence = refused(**{variable: "1"})
    assert variable in sentence
    assert suggested in sentence


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("service: {port: 70000}", "service.port to 70000"),
        ("service: {port: '80'}", "service.port to '80'"),
        ("service: {port: true}", "service.port"),
        (
            "service: {max_concurrency: 0}",
            "service.max_concurrency to 0, but input should be greater than or equal to 1.",
        ),
        ("service: {max_concurrency: many}", "service.max_concurrency to 'many', but input should be a valid integer."),
        ("model: {voice_cache_megabytes: -1}", "model.voice_cache_megabytes to -1"),
        ("service: {stall_timeout_seconds: 0}", "service.stall_timeout_seconds"),
        ("service: {stall_timeout_seconds: .nan}", "service.stall_timeout_seconds"),
        ("service: {log_level: loud}", "service.log_level"),
        ("service: {tls_key: key.pem}", "tls_certificate and tls_key must both be set"),
        ("voices: {unknown: guess}", "voices.unknown"),
        ("forward: {allowed_prefixes: 'sess:'}", "forward.allowed_prefixes"),
        ("forward: {allowed_prefixes: ['']}", "forward.allowed_prefixes"),
        ("model: {device: tpu}", "model.device to 'tpu', but a device is auto, cpu, cuda or a GPU such as cuda:0"),
        ("model: {device: [cuda:0, 1]}", "model.device"),
        ("model: {device: 0}", "model.device to 0"),
        ("model: {device: []}", "several devices must be GPUs"),
        ("model: {device: 'cpu,cuda:0'}", "several devices must be GPUs"),
        ("model: {device: [cuda, 'cuda:1']}", "several devices must be GPUs"),
        ("model: {device: 'cuda:0,cuda:0'}", "each GPU can be named only once"),
        ("model: {engine: piper}", "model.engine to 'piper'"),
        ("model: {precision: int4}", "model.precision to 'int4'"),
        ("model: {threads: 0}", "model.threads to 0"),
        ("model: {threads: 1.5}", "model.threads to 1.5"),
        ("model: {temperature: 0}", "model.temperature to 0"),
        ("model: {top_k: -1}", "model.top_k to -1"),
        ("model: {top_p: 1.5}", "model.top_p to 1.5"),
        ("model: {repetition_penalty: 0.5}", "model.repetition_penalty to 0.5"),
        ("model: {gpt_cond_len: 0}", "model.gpt_cond_len to 0"),
        ("model: {gpt_cond_chunk_len: 31}", "model.gpt_cond_chunk_len to 31"),
        ("model: {max_ref_length: 2.5}", "model.max_ref_length to 2.5"),
        ("model: {sound_norm_refs: loud}", "model.sound_norm_refs to 'loud'"),
        ("model: {precision: int8, device: cuda}", "precision int8 is for CPUs"),
        ("model: {precision: int8, device: 'cuda:0,cuda:1'}", "precision int8 is for CPUs"),
        ("model: {precision: fp16, device: cpu}", "precision fp16 is for GPUs"),
        ("model: {precision: bf16, device: cpu}", "precision bf16 is for GPUs"),
        ("model: {engine: xtts}", "engine xtts needs checkpoint_path"),
        ("model: {config_path: config.json}", "config_path and tokenizer_path need checkpoint_path"),
        ("model: {tokenizer_path: vocab.json}", "config_path and tokenizer_path need checkpoint_path"),
        ("redis_url: http://host", "redis_url"),
        ("database_url: voices.db", "database_url"),
        ("storage: {bucket: abc, endpoint: s3.example.com}", "an endpoint looks like https://s3.example.com"),
        ("storage: {bucket: abc, access_key: b}", "access_key and secret_key must both be set"),
        ("storage: {region: eu-central-1}", "bucket must be set, or recordings are kept in a folder"),
        ("storage: {bucket: abc, folder: recordings}", "folder and bucket must not both be set"),
        ("storage: {bucket: 'a/b'}", "storage.bucket to 'a/b'"),
        ("storage: {bucket: abc, prefix: '..?'}", "storage.prefix"),
        ("service: 5", "service"),
        ("service: [port]", "service"),
        ("service: {data_dir: ~nobody-of-that-name/var}", "service.data_dir"),
    ],
)
def test_a_bad_value_is_named(text: str, named: str) -> None:
    sentence = refused(text)
    assert named in sentence
    assert "config.yaml" in sentence


def test_a_bad_variable_is_named() -> None:
    sentence = refused("service: {port: 8000}", XTTS_SERVICE__PORT="http")
    assert sentence.startswith("The environment variable XTTS_SERVICE__PORT sets service.port to 'http', but ")


def test_a_bad_url_variable_is_named() -> None:
    assert "REDIS_URL" in refused(REDIS_URL="localhost:6379")


def test_a_variable_that_is_not_yaml_is_named() -> None:
    assert "XTTS_SERVICE__ALLOWED_HOSTS" in refused(XTTS_SERVICE__ALLOWED_HOSTS="[a.example")


def test_a_variable_for_a_key_of_what_is_no_section() -> None:
    assert "service must be a section" in refused("service: 5", XTTS_SERVICE__PORT="1")


def test_a_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    sentence = refused(XTTS_SETTINGS_FILE=str(tmp_path / "missing.yaml"))
    assert sentence == f"XTTS_SETTINGS_FILE names {tmp_path}/missing.yaml, which does not exist."


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert str(tmp_path) in refused(XTTS_SETTINGS_FILE=str(tmp_path))


@pytest.mark.parametrize("content", [b"service: [", b"a: b: c", b"\xff\xfe\x00", b"\x00", b"service: !!python/name:os"])
def test_a_file_that_is_not_yaml_is_named(content: bytes) -> None:
    (xtts_site.config.PROJECT_DIR / "config.yaml").write_bytes(content)
    assert "config.yaml" in refused()


@pytest.mark.parametrize("value", ["2001-99-99", "0x_", "[" * 2000])
def test_yaml_whose_values_cannot_be_built_is_refused_too(value: str) -> None:
    assert "config.yaml" in refused(f"service: {{host: {value}}}")


@pytest.mark.parametrize("text", ["5", "- service", "just text", "5: 6", "? [a]\n: b"])
def test_a_file_without_sections_is_named(text: str) -> None:
    assert "config.yaml" in refused(text)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("servicport:{}[]'\"-?!&*|>%@#0x._~ \n\t2001", max_size=40), st.booleans())
def test_any_text_is_settings_or_a_config_error(text: str, in_environment: bool) -> None:
    outcome: Config | ConfigError
    try:
        outcome = load(XTTS_SERVICE__HOST=text) if in_environment else load(text)
    except ConfigError as error:
        outcome = error
    assert isinstance(outcome, Config) or str(outcome).endswith((".", "?"))


SECRET = "hunter2-geheim"


@pytest.mark.parametrize(
    "text",
    [
        f"redis_url: http://:{SECRET}@host",
        f"service: {{secret_key: {SECRET}}}",
        f"service: {{secret_key: {SECRET * 4}, tls_key: key.pem}}",
        f"service: [secret_key, {SECRET}]",
        f"storage: {{bucket: abc, endpoint: 'https://user:{SECRET}@host'}}",
        f"storage: {{bucket: abc, secret_key: {SECRET}}}",
        f"metrics: {{token: {SECRET}}}",
        f"metrics: {{token: '{SECRET} {SECRET}'}}",
        f"database_url: postgres://anna:{SECRET}@host/voices: oops",
        f'redis_url: "redis://:{SECRET}@host',
        f"redis_url: {{url: 'redis://:{SECRET}@host'}}",
        f"service: {{port: 80}}\nredis_url: ['redis://:{SECRET}@host']",
    ],
)
def test_no_sentence_tells_a_secret_of_the_file(text: str) -> None:
    assert SECRET not in refused(text)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("REDIS_URL", f"http://:{SECRET}@host"),
        ("XTTS_SERVICE__SECRET_KEY", SECRET),
        ("XTTS_SERVICE__SECRET_KEY", f"*{SECRET}"),
        ("XTTS_SERVICE__SECRET_KEY", f"[{SECRET}"),
        ("XTTS_STORAGE__SECRET_KEY", f"[{SECRET}"),
        ("XTTS_METRICS__TOKEN", SECRET),
    ],
)
def test_no_sentence_tells_a_secret_of_the_environment(variable: str, value: str) -> None:
    assert SECRET not in refused(**{variable: value})


def test_the_token_of_the_metrics_is_shown_nowhere() -> None:
    config = load(XTTS_METRICS__TOKEN=f"{SECRET}-{SECRET}")
    assert config.metrics.token == f"{SECRET}-{SECRET}"
    assert SECRET not in repr(config)


@pytest.mark.parametrize("name", ["XTTS_SERVICE_PORT", "XTTS_SERVICE_HOST", "XTTS_PORT_60215_TCP_ADDR", "XTTS_PORT"])
def test_what_kubernetes_sets_for_a_service_named_xtts_is_not_ours(name: str) -> None:
    assert load(**{name: "tcp://10.0.0.1:60215"}) == load()


def test_the_folder_from_which_it_is_started_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "config.yaml").write_text("service: {port: 1}")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load("service: {data_dir: data}").service.data_dir == tmp_path / "data"


def test_an_installed_package_keeps_its_data_in_a_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "manage.py").unlink()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert load_config({}).service.data_dir == tmp_path / "share" / "xtts-stream-server" / "var"


def test_the_apps_are_given_what_they_know(settings: Settings) -> None:
    config = load("service: {port: 8000, max_waiting: 3}\nvoices: {unknown: default}", REDIS_URL="redis://host/0")
    settings.XTTS = config.of_the_apps()
    assert (conf.get_config().service.max_waiting, conf.get_config().redis_url) == (3, "redis://host/0")
    assert voices.conf.get_config().unknown == "default"
