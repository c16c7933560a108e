"""Settings: `TINYFLOW_*` variables, then `tinyflow.toml` of the project, then the user's own.

The project's file is the nearest one from the current folder upwards. A key set in one place hides
the same key of the places after it; tables (`[models.*]`) are joined.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as Unreadable

from tinyflow_nb.errors import SettingsError
from tinyflow_nb.model.monitor import MonitorLevel

FILE_NAME = "tinyflow.toml"
PREFIX = "TINYFLOW_"
DAY = 86_400.0


def _default_store() -> str:
    folder = platformdirs.user_data_path("tinyflow-nb", appauthor=False)
    return f"sqlite:///{folder / 'runs.db'}"


def _default_threads() -> int:
    return min(32, (os.cpu_count() or 1) + 4)


class NamedModel(BaseModel):
    """One `[models.NAME]` table: what `@llm("NAME")` calls."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1)
    """`provider:model`; with a `base_url` the model's name as that endpoint knows it."""
    base_url: str = Field("", pattern=r"^(https?://.+)?$")
    """Of any OpenAI-compatible endpoint, its version path included: `http://127.0.0.1:11434/v1`."""
    key: str = Field("", pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")
    """NAME of the environment variable that holds the API key; never the key itself."""


class TrustSettings(BaseModel):
    """The `[trust]` table: who signs what is submitted here, and whose definitions are executed here.

    It counts in the user's own file and in variables, never in a project's file: a folder that somebody
    else made must not decide whose code runs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    author: str = ""
    """What signatures say who made them; by default user@host."""
    key_file: str = ""
    """A private Ed25519 key to sign with, PKCS 8 or OpenSSH, instead of the user's own."""
    key_variable: str = Field("", pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")
    """NAME of the environment variable that holds such a key (for CI); never the key itself."""
    keys: dict[str, str] = {}
    """Trusted signers by name: `ssh-ed25519 AAAA...` or `SHA256:...`."""
    revoked: tuple[str, ...] = ()
    """Signers that are trusted by nobody here, in the same forms."""


class RocketMQSettings(BaseModel):
    """The `[rocketmq]` table: how the RocketMQ scheduler talks to its servers."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    endpoints: str = ""
    """`host:8081`, or several addresses `1.2.3.4:8081;1.2.3.5:8081`: those of `scheduler = "rocketmq"`."""
    access_key: str = ""
    """Of the servers' access control; one in the address comes before it."""
    secret_key: SecretStr = SecretStr("")
    """Belongs to the access key."""
    tls: bool = False
    """Encrypt; the server's certificate is checked against the system's authorities."""
    namespace: str = ""
    """Of the servers: topics and groups of the same name are others in another one."""
    topic_prefix: str = Field("", pattern=r"^[A-Za-z0-9_-]{0,40}$")
    """Before the names of topics and groups: several fleets share a server."""
    max_attempts: int = Field(3, ge=1, le=16)
    """To send a message, at once one after another; then the sweep has to find what it names."""
    send_timeout: int = Field(3, ge=1)
    """One attempt of a request, in whole seconds."""
    cached_messages: int = Field(16, ge=1, le=32)
    """Taken by one request at most, if there is room for the units they name."""
    cached_bytes: int = Field(4 * 1024 * 1024, ge=256 * 1024)
    """The same in bytes; a message counts as the 256 KiB it may have."""
    consumption_threads: int = Field(1, ge=1, le=16)
    """Requests for messages under way at once, for each topic and lane."""


class IsolateSettings(BaseModel):
    """The `[isolate]` table: the functions of cells in processes of their own."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    on: bool = False
    """Whether they are; `tinyflow-nb worker --isolate` says so too."""
    memory: int = Field(2 * 1024**3, ge=128 * 1024**2)
    """Most one such process may take."""
    processes: int = Field(32, ge=1)
    """Such processes at work at once, at most; further nodes wait for one."""


class Settings(BaseSettings):
    """Every default in one table (SEMANTICS 46). Times are seconds, sizes bytes."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    store: str = Field(default_factory=_default_store)
    """Address of the store `connect()` opens: one SQLite file in the user's data folder."""
    scheduler: str = ""
    """How workers of a store in Redis hear of work, `redis` or `rocketmq://host:port`; other stores
    need none."""
    default_model: str = "smollm2"
    """What a bare `@llm` calls."""
    models: dict[str, NamedModel] = {}
    """Models by a name of your own."""
    monitor: MonitorLevel = "runs"
    """What a fleet tells the outside of runs started here: `runs`, changes of their status; `nodes`,
    their nodes' too; `off`."""
    rocketmq: RocketMQSettings = RocketMQSettings()
    """How RocketMQ is reached and used, if it is the scheduler."""
    trust: TrustSettings = TrustSettings()
    """Keys that sign, and signers that are trusted."""
    lease: float = Field(30.0, gt=0)
    """How long a claim lasts unless its holder renews it."""
    node_timeout: float = Field(600.0, gt=0)
    """One attempt of a node that sets no `timeout`."""
    llm_timeout: float = Field(300.0, gt=0)
    """The same, of an `@llm` node."""
    retention: float = Field(7 * DAY, gt=0)
    """How long a finished run is kept."""
    suspended_ttl: float = Field(30 * DAY, gt=0)
    """A run that waits for a person and is untouched for this long is cancelled."""
    max_depth: int = Field(50, ge=1)
    """Chains in chains: how deep."""
    max_threads: int = Field(default_factory=_default_threads, ge=1)
    """Threads for `def` nodes in one process."""
    max_concurrent_nodes: int = Field(1_000, ge=1)
    """Nodes one process runs at once."""
    isolate: IsolateSettings = IsolateSettings()
    """Whether and how cells' functions run in processes of their own."""
    tags: tuple[str, ...] = ()
    """Those this worker of a fleet carries: it runs nodes whose `tags=` are all among them."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings  # the files' values come as arguments


def settings_files() -> list[Path]:
    """The files that count, weakest first."""
    found = [_own_file()]
    here = Path.cwd()
    project = next((f for folder in (here, *here.parents) if (f := folder / FILE_NAME).is_file()), None)
    if project is not None:
        found.append(project)
    return [f for f in found if f.is_file()]


def _own_file() -> Path:
    return platformdirs.user_config_path("tinyflow-nb", appauthor=False) / FILE_NAME


def load_settings() -> Settings:
    """Read everything anew.

    Raises:
        SettingsError: naming the file or variable, the key, and what is wrong with it.
    """
    _check_variables()
    origin: dict[tuple[str, ...], Path] = {}
    values: dict[str, Any] = {}
    for file in settings_files():
        found = _read(file)
        if "trust" in found and file != _own_file():
            raise SettingsError(
                f"{file}: a project's file can't say whom to trust; put [trust] into {_own_file()},"
                " or use TINYFLOW_TRUST__* variables"
            )
        _join(values, found, origin, file)
    try:
        return Settings(**values)
    except Unreadable as error:
        raise SettingsError(f"{PREFIX}* variables: {error}") from error
    except ValidationError as error:
        lines = [_explain(dict(e), origin) for e in error.errors(include_url=False)]
        raise SettingsError("\n".join(lines)) from None


_cached: tuple[object, Settings] | None = None


def get_settings() -> Settings:
    """The settings, read again only if a file or a `TINYFLOW_*` variable changed.

    Raises:
        SettingsError: see `load_settings`.
    """
    global _cached
    variables = {k: v for k, v in os.environ.items() if k.upper().startswith(PREFIX)}
    seen = (variables, [(f, f.stat().st_mtime_ns) for f in settings_files()])
    if _cached is None or _cached[0] != seen:
        _cached = (seen, load_settings())
    return _cached[1]


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file}: {error}") from error


def _join(
    into: dict[str, Any], new: dict[str, Any], origin: dict[tuple[str, ...], Path], file: Path,
    at: tuple[str, ...] = (),
) -> None:  # fmt: skip
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _join(into[key], value, origin, file, (*at, key))
        else:
            into[key] = value
        origin[*at, key] = file


def _check_variables() -> None:
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for name in os.environ:
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper.partition("__")[0] in known:
            continue
        close = difflib.get_close_matches(upper, known, n=1, cutoff=0.85)
        if close:  # others may use the prefix for their own; only a near miss is a mistake
            raise SettingsError(f"variable {name} is no setting; did you mean {close[0]}?")


def _explain(error: dict[str, Any], origin: dict[tuple[str, ...], Path]) -> str:
    path = tuple(str(part) for part in error["loc"])
    key = ".".join(path)
    given = {name.upper(): name for name in os.environ}
    variable = given.get(PREFIX + "__".join(path).upper()) or given.get(PREFIX + path[0].upper())
    above = [path[:n] for n in range(len(path), 0, -1)]
    file = next((origin[part] for part in above if part in origin), None)
    where = f"variable {variable}" if variable else str(file)
    if error["type"] == "extra_forbidden":
        tables: dict[str, type[BaseModel]] = {
            "models": NamedModel,
            "rocketmq": RocketMQSettings,
            "trust": TrustSettings,
        }
        table = tables.get(path[0], Settings) if len(path) > 1 else Settings
        close = difflib.get_close_matches(path[-1], list(table.model_fields), n=1)
        known = f"did you mean {close[0]!r}?" if close else "known are: " + ", ".join(table.model_fields)
        return f"{where}: unknown key {key!r}; {known}"
    if path[-1] in ("key", "key_variable"):  # somebody may have put the key itself there
        return f"{where}: {key} must be the name of the environment variable that holds the key"
    if path[-1] == "base_url":
        return f"{where}: {key} must start with http:// or https://"
    return f"{where}: {key}: {error['msg']}"
