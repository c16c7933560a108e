"""Settings: where they come from, which one wins, and what a mistake says (SEMANTICS 46)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinyflow_nb.errors import SettingsError
from tinyflow_nb.settings import FILE_NAME, get_settings, load_settings


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project" / "notebooks"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder.parent


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    folder = tmp_path / "user-config" / "tinyflow-nb"
    folder.mkdir(parents=True)
    return folder / FILE_NAME


def test_rule_46_one_table_of_defaults(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TINYFLOW_STORE")
    settings = load_settings()
    assert (settings.lease, settings.node_timeout, settings.llm_timeout) == (30, 600, 300)
    assert (settings.retention, settings.suspended_ttl) == (7 * 86400, 30 * 86400)
    assert settings.max_concurrent_nodes == 1_000
    assert settings.store == f"sqlite:///{tmp_path / 'user-data' / 'tinyflow-nb' / 'runs.db'}"
    assert settings.default_model == "smollm2"


def test_rule_46_every_setting_says_what_it_is() -> None:
    from tinyflow_nb.settings import Settings

    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_variable_hides_the_projects_file_which_hides_the_users(
    project: Path, user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_file.write_text('lease = 1\nretention = 1\nmax_threads = 1\n[models.a]\nmodel = "openai:a"\n')
    (project / FILE_NAME).write_text('lease = 2\nretention = 2\n[models.b]\nmodel = "openai:b"\n')
    monkeypatch.setenv("TINYFLOW_LEASE", "3")
    monkeypatch.setenv("TINYFLOW_MODELS__C__MODEL", "openai:c")
    settings = load_settings()
    assert (settings.lease, settings.retention, settings.max_threads) == (3, 2, 1)
    assert {name: m.model for name, m in settings.models.items()} == {
        "a": "openai:a", "b": "openai:b", "c": "openai:c",
    }  # fmt: skip


def test_a_change_is_seen_and_nothing_else_reads_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = get_settings()
    assert get_settings() is first
    monkeypatch.setenv("TINYFLOW_LEASE", "7")
    assert get_settings().lease == 7
    (project / FILE_NAME).write_text("max_threads = 9\n")
    assert (get_settings().lease, get_settings().max_threads) == (7, 9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("leese = 1", "unknown key 'leese'; did you mean 'lease'?"),
        ("lease = -1", "lease: Input should be greater than 0"),
        ('lease = "soon"', "lease: Input should be a valid number, unable to parse string as a number"),
        ("[models.fast]\nmodle = 'x'", "unknown key 'models.fast.modle'; did you mean 'model'?"),
        ("[models.fast]\nbase_url = 'http://h/v1'", "models.fast.model: Field required"),
        (
            "[models.fast]\nmodel = 'x'\nbase_url = 'h/v1'",
            "models.fast.base_url must start with http:// or https://",
        ),
        (
            "[models.fast]\nmodel = 'x'\nkey = 'sk-very-secret'",
            "models.fast.key must be the name of the environ",
        ),
        ("lease = [", "Invalid value (at"),
    ],
)
def test_a_mistake_names_file_and_key(project: Path, text: str, message: str) -> None:
    file = project / FILE_NAME
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert f"{file}: {message}" in str(caught.value)
    assert "very-secret" not in str(caught.value)


def test_all_mistakes_at_once(project: Path) -> None:
    (project / FILE_NAME).write_text("lease = 0\nmax_threads = 0\n")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TINYFLOW_LEASE", "soon", "variable TINYFLOW_LEASE: lease: Input should be a valid number"),
        ("TINYFLOW_STOR", "x", "variable TINYFLOW_STOR is no setting; did you mean TINYFLOW_STORE?"),
        ("TINYFLOW_MODELS", "{", "TINYFLOW_* variables: "),
        (
            "TINYFLOW_MODELS__FAST__KEY",
            "sk-very-secret",
            "variable TINYFLOW_MODELS__FAST__KEY: models.fast.key must",
        ),
    ],
)
def test_a_wrong_variable_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert message in str(caught.value)
    assert "very-secret" not in str(caught.value)


def test_variables_of_others_are_left_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYFLOW_EXAMPLE_OF_ANOTHER_PROGRAM", "1")
    load_settings()


def test_importing_the_package_loads_no_settings() -> None:
    code = "import tinyflow_nb, sys; sys.exit('pydantic_settings' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False).returncode == 0
