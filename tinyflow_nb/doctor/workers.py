"""Who executes: the workers that have told of themselves lately."""

from __future__ import annotations

from tinyflow_nb.addresses import without_password
from tinyflow_nb.doctor.finding import Finding, ok, warning
from tinyflow_nb.doctor.patient import Patient


async def alive(patient: Patient) -> list[Finding]:
    found = await patient.runs.workers() if patient.runs is not None else []
    if not found:
        why = "what is started waits until there is one"
        return [warning("no worker is alive", why, start_one(patient))]
    room = sum(max(0, w.capacity - w.busy) for w in found)
    names = ", ".join(" ".join((w.name, *w.tags)) for w in found[:8])
    counted = "1 worker is" if len(found) == 1 else f"{len(found)} workers are"
    findings = [ok(f"{counted} alive, with room for {room} nodes", names)]
    if not room:
        why = "what becomes ready waits until a node ends"
        findings.append(
            warning("every worker is full", why, f"{start_one(patient)}, or a higher --concurrency")
        )
    versions = sorted({w.version for w in found})
    if len(versions) > 1:
        why = "what a newer one wrote, an older one may not know"
        mend = "pip install -U tinyflow-nb on each, then restart them one after another"
        findings.append(warning(f"workers of versions {', '.join(versions)}", why, mend))
    for w in found:
        for definition, reason in w.unfit.items():
            told = f"{w.name} can't execute #{definition[:8]}: {reason}"
            why = "others take its runs up; if none can, they stand still"
            findings.append(warning(told, why, f"install what is missing on {w.host}, then restart {w.name}"))
    return findings


def start_one(patient: Patient) -> str:
    """The command that starts a worker for this fleet."""
    scheduler = f" --scheduler {without_password(patient.scheduler)}" if patient.uses_rocketmq else ""
    return f"tinyflow-nb worker --store {without_password(patient.store)}{scheduler}"
