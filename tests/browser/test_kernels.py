"""The live view on each ipykernel whose messages travel differently.

Before 7 a kernel hears nothing of a page while a cell runs; from 7 on it hears it on a subshell, which 7.4
chooses in a way of its own. Each is installed in a folder that comes first on its kernel's path.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.conftest import OpenNotebook, Page, missing
from tests.browser.test_lab import ASKING, statuses_in

PINS = Path(__file__).with_name("kernels")
INSTALLED = Path(__file__).resolve().parents[2] / "build" / "kernels"
VERSIONS = ["6.31.0", "7.3.0", "7.4.0"]
DEAF_WHILE_BUSY = {"6.31.0"}
ASK_VERSION = """async () => {
  const asked = {code: '', silent: true, user_expressions: {version: "__import__('ipykernel').__version__"}};
  const {kernel} = jupyterapp.shell.currentWidget.sessionContext.session;
  return (await kernel.requestExecute(asked).done).content.user_expressions.version.data['text/plain'];
}"""


def streaming(gate: Path, flags: str = "") -> str:
    """A chain that streams some words at once, then slowly more, until the gate is there."""
    return f"""%%tinyflow talk -i gate="{gate}" {flags}
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

async def speak(gate: str) -> AsyncIterator[str]:
    number = 0
    while not Path(gate).exists():
        yield f"word{{number}} "
        number += 1
        await asyncio.sleep(0.05 if number < 20 else 1)

def count(speak: str) -> str:
    return "counted"
"""


def busy_until(gate: Path) -> str:
    """The main thread is never free while this runs."""
    return f"""import time
from pathlib import Path
print("busy", flush=True)
while not Path({str(gate)!r}).exists():
    time.sleep(0.05)
print(support_triage.last.status)"""


def installed(version: str) -> Path:
    """The folder of this ipykernel; it is fetched the first time."""
    folder = INSTALLED / version
    if folder.exists():
        return folder
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=INSTALLED) as unfinished:
        done = subprocess.run(
            [
                sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                "--no-input", "--no-deps", "--only-binary=:all:", "--require-hashes", "--no-compile",
                "--target", f"{unfinished}/packages", "--requirement", str(PINS / f"{version}.txt"),
            ],
            capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            missing(f"ipykernel {version} could not be fetched: {done.stderr.strip()[-500:]}")
        try:
            Path(unfinished, "packages").rename(folder)
        except OSError:
            if not folder.exists():  # else another session was quicker
                raise
    return folder


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


OpenOnKernel = Callable[[str, list[str]], Page]


@pytest.fixture
def open_on_kernel(version: str, server: tuple[str, Path], open_notebook: OpenNotebook) -> OpenOnKernel:
    """`open_notebook` on this ipykernel, and no other."""
    kernel = f"ipykernel-{version}"
    path = os.pathsep.join([str(installed(version)), *filter(None, [os.environ.get("PYTHONPATH")])])
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": kernel, "language": "python", "env": {"PYTHONPATH": path},
    }  # fmt: skip
    file = server[1].parent / "data_dir" / "kernels" / kernel / "kernel.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(spec))

    def open_(name: str, cells: list[str]) -> Page:
        page = open_notebook(f"{name}-{version}", cells, kernel)
        assert page.page.evaluate(ASK_VERSION) == repr(version)
        page.run(0)
        return page

    return open_


def shown_run(page: Page, but: str = "") -> str:
    """The run of the one live view, once the one of another run has gone."""
    page.until(
        "(but) => { const ids = [...document.querySelectorAll('.tf-live .tf-run')].map((x) => x.textContent);"
        " return ids.length === 1 && ids[0] && ids[0] !== but; }",
        but,
    )
    return page.page.locator(".tf-live .tf-run").inner_text()


def test_a_view_lives_and_gives_its_place_to_the_next(open_on_kernel: OpenOnKernel, tmp_path: Path) -> None:
    """Rule 38: a cell that is run again stops its run, or leaves it alone if asked to, and says which."""
    gate = tmp_path / "gate"
    ends = "await runs[1], await runs[2]\n[str(run.status) for run in runs]"
    page = open_on_kernel("again", [streaming(gate), "runs = [talk.last]", "runs.append(talk.last)", ends])
    page.run(1)
    page.until("seen.texts.length > 5")  # it streams for as long as it takes
    assert "speak RUNNING" in page.seen("statuses")
    texts = page.seen("texts")
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(texts))
    first = shown_run(page)
    page.run(2)
    page.run(1)
    second = shown_run(page, but=first)
    assert f"Stopped this cell's earlier run {first}" in page.text(1)
    page.run(3)
    page.rewrite(1, streaming(gate, "--keep"))
    page.run(1)
    third = shown_run(page, but=second)
    assert f"This cell's earlier run {second} goes on: %tinyflow attach {second}" in page.text(1)
    page.run(3)
    gate.touch()
    page.run(4)
    assert page.text(4) == "['CANCELLED', 'SUCCEEDED', 'SUCCEEDED']"
    page.until(
        "() => document.querySelector('.tf-live .tf-pill')?.dataset.status === 'SUCCEEDED'"
        " && document.querySelector('.tf-live .tf-result')?.textContent.includes('counted')"
    )
    assert third in page.last_picture()["text/plain"], "the one picture"


def test_a_form_is_answered_while_a_cell_is_busy(
    open_on_kernel: OpenOnKernel, version: str, tmp_path: Path
) -> None:
    """Heard at once from 7 on. Before, the page says that it may wait, and the cell's end brings it."""
    gate = tmp_path / "gate"
    page = open_on_kernel("busy", [ASKING, busy_until(gate)])
    page.run_all()
    form = page.page.locator(".tf-live .tf-form")
    form.wait_for()
    page.page.locator(".jp-OutputArea-output").get_by_text("busy", exact=True).wait_for()
    form.get_by_role("button", name="Yes").click()
    form.get_by_role("button", name="Send answer").click()
    over = "() => document.querySelector('.tf-live .tf-pill')?.dataset.status === 'SUCCEEDED'"
    if version in DEAF_WHILE_BUSY:
        form.get_by_text("While a cell runs, a click may wait for its end.").wait_for()
        page.screenshot(f"busy-{version}")
        assert page.page.locator(".tf-live .tf-pill").get_attribute("data-status") == "SUSPENDED"
        gate.touch()
        page.until(over)
    else:
        page.until(over)
        gate.touch()
        page.until_executed(2)
        assert page.text(2) == "busy\nSUCCEEDED\n"
    assert sorted(statuses_in(page.last_picture())) == ["SKIPPED", *["SUCCEEDED"] * 4]


def test_the_run_of_a_restarted_kernel_goes_on(open_on_kernel: OpenOnKernel, tmp_path: Path) -> None:
    """Rule 42: the view stands still and names the command that brings the run back, live."""
    page = open_on_kernel("restarted", [streaming(tmp_path / "never"), ""])
    page.run(1)
    page.until("seen.texts.some((text) => text.includes('word3 '))")
    run = shown_run(page)
    page.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    told = page.page.locator(".tf-live .tf-notice")
    told.get_by_text(f"The kernel is gone: %tinyflow attach {run} to continue.").wait_for()
    page.page.locator(".tf-live.tf-gone").wait_for()
    page.screenshot("restarted")
    page.page.locator(".tf-live").get_by_role("button", name="Stop", exact=True).click()
    page.until("() => !document.querySelector('.tf-live .tf-button[aria-disabled]')")
    assert "%tinyflow attach" in told.first.inner_text()
    page.run(0)
    page.rewrite(2, f"%tinyflow attach {run}")
    page.run(2)
    attached = page.page.locator(".jp-Cell").nth(2)
    attached.locator(".tf-stream").get_by_text("word3 ").wait_for()
    attached.get_by_role("button", name="Stop", exact=True).click()
    assert statuses_in(page.last_picture(2)) == ["CANCELLED", "CANCELLED"]
