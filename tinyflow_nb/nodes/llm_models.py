"""Names of models -> clients. Import it from a thread: the libraries behind it take a second."""

from __future__ import annotations

import asyncio
import difflib
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

from httpx2 import AsyncClient, AsyncHTTPTransport, create_ssl_context
from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, create_async_httpx2_client, infer_model
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers import infer_provider_class
from pydantic_ai.providers.openai import OpenAIProvider

from tinyflow_nb.errors import ModelError, SecretMissing
from tinyflow_nb.nodes.llm_fallback import ModelUnusable
from tinyflow_nb.nodes.llm_local import LOCAL_MODEL, local_model
from tinyflow_nb.secrets import secret
from tinyflow_nb.settings import NamedModel, Settings, get_settings

SAYS_HOW_IT_ENDED = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True)
"""A connection that breaks off may look like an answer's end."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LOCAL_MAX_TOKENS = 512
"""A small model may never stop by itself."""


@dataclass(frozen=True)
class Client:
    """A model that can be asked. `model` is pydantic-ai's."""

    name: str
    """As the cell says it."""
    model: Model
    defaults: dict[str, Any]
    """Model settings unless the cell sets them."""

    @property
    def url(self) -> str:
        """Where it is, without credentials or query; "" if it has no address."""
        parts = urlsplit(self.model.base_url or "")
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}{parts.path}".rstrip("/") if host else ""


@asynccontextmanager
async def open_client(name: str) -> AsyncIterator[Client]:
    """A client for `name`: of the settings' models, the local model, or `provider:model`.

    Raises:
        ModelError: there is no such model; ModelUnusable: its provider's package is not installed.
        SecretMissing: its key is not set.
        MissingExtra: the local model's runtime is not installed.
    """
    settings = get_settings()
    async with AsyncExitStack() as stack:
        if name == LOCAL_MODEL and name not in settings.models:
            entry = NamedModel(model=name, base_url=await stack.enter_async_context(local_model()))
            defaults = {"max_tokens": LOCAL_MAX_TOKENS}
        else:
            entry, defaults = settings.models.get(name) or NamedModel(model=name), {}
        yield Client(name, await stack.enter_async_context(_shared(name, entry, settings)), defaults)


class _InUse:
    def __init__(self, building: asyncio.Future[tuple[Model, AsyncClient | None]]) -> None:
        self.building = building
        self.users = 0


_in_use: dict[tuple[asyncio.AbstractEventLoop, str, NamedModel], _InUse] = {}


@asynccontextmanager
async def _shared(name: str, entry: NamedModel, settings: Settings) -> AsyncIterator[Model]:
    """One HTTP client for all calls of a model at a time: making one costs more than many an answer.

    The last to leave closes it, so nothing outlives the loop.
    """
    place = (asyncio.get_running_loop(), name, entry)
    if place not in _in_use:
        building = asyncio.to_thread(_build, name, entry, settings)
        _in_use[place] = _InUse(asyncio.ensure_future(building))
    held = _in_use[place]
    held.users += 1
    ours = None
    try:
        model, ours = await asyncio.shield(held.building)
        async with model:
            yield model
    finally:
        held.users -= 1
        if not held.users:
            del _in_use[place]
            if ours is not None:
                await ours.aclose()


def _build(name: str, entry: NamedModel, settings: Settings) -> tuple[Model, AsyncClient | None]:
    """The client is given if it is ours to close."""
    key = None
    if entry.key:
        if not os.environ.get(entry.key):
            raise SecretMissing(_no_key(name, entry.key))
        key = secret(entry.key).get()
    if entry.base_url:
        direct = _direct_client(entry.base_url)
        provider = OpenAIProvider(entry.base_url, key or "none", http_client=direct)
        served = re.sub(r"^openai(-chat)?:", "", entry.model)
        return OpenAIChatModel(served, provider=provider, profile=SAYS_HOW_IT_ENDED), direct
    if ":" not in entry.model:
        raise ModelError(_unknown(name, settings))
    try:
        model = infer_model(entry.model) if key is None else infer_model(entry.model, _with_key(key))
    except UserError as error:
        variable = re.search(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)`", error.message)
        if variable is None:
            raise ModelError(f"model {name!r}: {_unknown(entry.model, settings)}") from error
        raise SecretMissing(_no_key(name, variable[1])) from error
    except ImportError as error:
        extra = re.search(r"pydantic-ai-slim\[(\w+)\]", str(error))
        package = extra[0] if extra else "pydantic-ai-slim"
        raise ModelUnusable(f"model {name!r} needs a package: pip install '{package}'") from error
    _hide_key(model)
    return model, None


def _direct_client(base_url: str) -> AsyncClient | None:
    """For a server on this machine: no proxy of the environment may come between."""
    if urlsplit(base_url).hostname not in LOOPBACK:
        return None
    return create_async_httpx2_client(transport=AsyncHTTPTransport(verify=_certificates()))


@cache
def _certificates() -> SSLContext:
    return create_ssl_context()


def _no_key(name: str, variable: str) -> str:
    return f"model {name!r} needs the environment variable {variable}, which is not set"


def _hide_key(model: Model) -> None:
    """A key the provider took from the environment itself must not show either."""
    key = getattr(getattr(model.provider, "client", None), "api_key", None)
    for variable in [name for name, value in os.environ.items() if value and value == key]:
        secret(variable).get()


def _with_key(key: str) -> Callable[[str], Any]:
    def provider(name: str) -> Any:
        of_any_kind: Any = infer_provider_class(name)
        return of_any_kind(api_key=key)

    return provider


def _unknown(name: str, settings: Settings) -> str:
    known = [*settings.models, LOCAL_MODEL]
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return (
        f"no model is named {name!r}; {meant}Use provider:model (openai:gpt-4o-mini), "
        f"{LOCAL_MODEL!r}, or name it in tinyflow.toml under [models.NAME]"
    )
