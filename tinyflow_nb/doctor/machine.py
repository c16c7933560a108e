"""This machine: Python, this package's extras, the key that signs."""

from __future__ import annotations

import asyncio
import importlib.util
import platform
import sys

import tinyflow_nb
from tinyflow_nb.doctor.finding import Finding, error, ok
from tinyflow_nb.doctor.patient import Patient
from tinyflow_nb.errors import SettingsError

EXTRAS = {
    "fleet": ("redis", "hiredis", "rocketmq", "prometheus_client"),
    "lab": ("anywidget", "jupyterlab"),
    "notebook": ("anywidget", "notebook"),
    "llm": ("pydantic_ai", "httpx2"),
    "local-llm": ("pydantic_ai", "xllamacpp"),
    "otel": ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"),
    "services": ("jgo", "psutil"),
}
"""Modules that show whether an extra is installed."""


async def python(_: Patient) -> Finding:
    told = f"tinyflow-nb {tinyflow_nb.__version__}, Python {platform.python_version()}"
    return ok(told, sys.executable)


async def extras(patient: Patient) -> Finding:
    missing = {e: [m for m in needed if not _is_there(m)] for e, needed in EXTRAS.items()}
    here = ", ".join(e for e, lacking in missing.items() if not lacking) or "none"
    if (patient.is_shared or patient.uses_rocketmq) and missing["fleet"]:
        why = f"without {', '.join(missing['fleet'])} there is no way to Redis or RocketMQ"
        return error("the extra `fleet` is missing", why, "pip install 'tinyflow-nb[fleet]'")
    absent = ", ".join(e for e, lacking in missing.items() if lacking)
    return ok(f"extras installed: {here}", f"not installed: {absent}" if absent else "")


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even what it is a part of
        return False


async def trust(patient: Patient) -> Finding:
    """The key that signs what is submitted here; looking makes none."""
    return await asyncio.to_thread(_key, patient)


def _key(patient: Patient) -> Finding:
    from tinyflow_nb.trust.signing import UserTrust

    try:
        signers = UserTrust(patient.settings.trust).signers()
    except SettingsError as e:
        why = "nothing can be submitted, and nothing that others signed is executed"
        return error("the key that signs can't be used", f"{e}: {why}", "tinyflow-nb trust key --new")
    own = [s for s in signers if s.state == "own"]
    trusted = sum(s.state == "trusted" for s in signers)
    others = (
        f"{trusted} other signers are trusted here" if trusted else "nobody else's chains are executed here"
    )
    if not own:
        return ok("the key that signs is made by the first run", others)
    return ok(f"what is submitted here is signed by {own[0].fingerprint}", others)
