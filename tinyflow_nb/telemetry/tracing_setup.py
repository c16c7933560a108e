"""Whether traces are wanted. Where they are not, nothing is imported."""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points, version
from typing import TYPE_CHECKING

from tinyflow_nb.errors import MissingExtra, SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from tinyflow_nb.telemetry.tracing import RunTracing

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
EXPORTER = "OTEL_TRACES_EXPORTER"


def configured() -> RunTracing | None:
    """Traces to the provider that the program set, or else to what OpenTelemetry's own variables name:
    an OTLP endpoint, or an exporter by its name. None if there is neither.

    Raises:
        MissingExtra: the variables ask for traces, and OpenTelemetry's SDK is not installed.
        SettingsError: no exporter of that name is installed.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    provider = _provider_of_the_program()
    if provider is None:
        name = os.environ.get(EXPORTER, "") or ("otlp" if any(map(os.environ.get, ENDPOINTS)) else "none")
        if name == "none":
            return None
        provider = _new_provider(name)
    from tinyflow_nb.telemetry.tracing import RunTracing

    return RunTracing(provider, version("tinyflow-nb"))


def _provider_of_the_program() -> TracerProvider | None:
    if "opentelemetry.sdk.trace" not in sys.modules:
        return None
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    provider = trace.get_tracer_provider()
    return provider if isinstance(provider, TracerProvider) else None


def _new_provider(exporter: str) -> TracerProvider:
    """The process's own from here on; what it still holds is sent when the process ends."""
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as e:
        raise MissingExtra("traces", "otel") from e
    if exporter == "otlp":
        grpc = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc"
        exporter = "otlp_proto_grpc" if grpc else "otlp_proto_http"
    found = list(entry_points(group="opentelemetry_traces_exporter", name=exporter))
    if not found:
        raise SettingsError(f"{EXPORTER}: no exporter {exporter!r} is installed; the extra otel brings otlp")
    name = os.environ.get("OTEL_SERVICE_NAME", "tinyflow-nb")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(found[0].load()()))
    trace.set_tracer_provider(provider)
    return provider
