"""A real JupyterLab or Notebook, started once, and a Chromium that opens notebooks in it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import nbformat
import pytest

from tests.conftest import free_port

HERE = Path(__file__).parent
SCREENSHOTS = HERE.parents[1] / "build" / "screenshots"
START_SECONDS = 120
WAIT_SECONDS = 120
"""For what comes: far longer than it takes anywhere."""
TEST_SECONDS = 900
"""Of one test, its server and browser included."""
SETTINGS = {
    "apputils-extension/notification": '{"fetchNews": "false"}',
    "completer-extension/manager": '{"providerTimeout": 60000}',  # milliseconds; a kernel may be busy
}
"""Of JupyterLab, where its own would not do."""
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
WATCH = """
window.seen = {statuses: [], texts: []};
const stood = ({dataset}) => seen.statuses.push(`${dataset.node} ${dataset.status}`);
const said = ({textContent}) => seen.texts.at(-1) === textContent || seen.texts.push(textContent);
new MutationObserver((changes) => {
  for (const {target, type, addedNodes} of changes) {
    const element = target.nodeType === 1 ? target : target.parentElement;
    const node = element?.closest?.('[data-node]');
    if (type === 'attributes' && node) stood(node);
    const stream = element?.closest?.('.tf-block .tf-stream');
    if (stream) said(stream);
    for (const added of addedNodes) {
      if (added.nodeType !== 1) continue;
      added.querySelectorAll('[data-node][data-status]').forEach(stood);
      added.querySelectorAll('.tf-block .tf-stream').forEach(said);
    }
  }
}).observe(document, {subtree: true, childList: true, characterData: true, attributeFilter: ['data-status']});
"""
"""Remembers what a reader saw: each status and each text of a node, those it begins with too."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(TEST_SECONDS), append=False)  # before any other


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = report.failed or item.stash.get(FAILED, False)
    return report


def missing(what: str) -> None:
    """A missing service skips here and fails in CI."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(what)


IN_BOTH = pytest.mark.parametrize("server", ["lab_server", "notebook_server"], indirect=True)
"""A test of what either page shows a reader."""


@pytest.fixture
def server(request: pytest.FixtureRequest) -> tuple[str, Path]:
    """JupyterLab, unless a test asks for another."""
    found: tuple[str, Path] = request.getfixturevalue(getattr(request, "param", "lab_server"))
    return found


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """(where its notebooks open, its folder) of a JupyterLab that knows nothing of the user's."""
    if importlib.util.find_spec("jupyterlab") is None:
        missing("no JupyterLab: pip install 'tinyflow-nb[lab]'")
    flags = ["--LabApp.expose_app_in_browser=True", "--LabApp.news_url=null"]
    with serve("jupyterlab", flags, tmp_path_factory.mktemp("lab")) as (address, root):
        yield f"{address}/lab/tree", root


@pytest.fixture(scope="session")
def notebook_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The same of a Notebook 7."""
    if importlib.util.find_spec("notebook") is None:
        missing("no Notebook: pip install 'tinyflow-nb[notebook]'")
    flags = ["--JupyterNotebookApp.expose_app_in_browser=True"]
    with serve("notebook", flags, tmp_path_factory.mktemp("notebook")) as (address, root):
        yield f"{address}/notebooks", root


@contextmanager
def serve(module: str, flags: list[str], folder: Path) -> Iterator[tuple[str, Path]]:
    """(address, root) of `python -m module`; all it keeps is in the folder."""
    root = folder / "root"
    root.mkdir()
    for setting, value in SETTINGS.items():
        file = folder / "lab_settings_dir" / "@jupyterlab" / f"{setting}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(value)
    pages = folder / "config_dir" / "labconfig"
    pages.mkdir(parents=True)
    (pages / "page_config.json").write_text('{"buildCheck": false}')  # which starts node, for each page
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TINYFLOW_")}
    environment["TINYFLOW_STORE"] = f"sqlite:///{folder / 'runs.db'}"
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        environment[f"JUPYTER_{name}"] = str(folder / name.lower())
    for name in ("SETTINGS_DIR", "WORKSPACES_DIR"):
        environment[f"JUPYTERLAB_{name}"] = str(folder / f"lab_{name.lower()}")
    environment["IPYTHONDIR"] = str(folder / "ipython")
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [
                sys.executable, "-m", module, "--no-browser", "--allow-root", "--ip=127.0.0.1",
                f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=",
                "--ServerApp.password=", "--ServerApp.disable_check_xsrf=True",
                "--KernelManager.autorestart=False",  # in the midst of it no session can be shut down
                f"--ServerApp.root_dir={root}", *flags,
            ],
            env=environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, server, folder / "log")
        yield address, root
    finally:
        server.terminate()
        server.wait(WAIT_SECONDS)


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{address}/api/status", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"the server did not start:\n{log.read_text()[-4000:]}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """For one module: a running sync Playwright would disturb asyncio tests behind it."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        missing("no chromium on this machine: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


KERNEL_IS_IDLE = """() => {
  const kernel = window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel;
  if (kernel && kernel.status !== 'idle' && Date.now() > (window.askAgain ?? 0)) {
    window.askAgain = Date.now() + 2000;
    kernel.requestIsComplete({code: ''}).catch(() => {});
  }
  return kernel?.status === 'idle';
}"""
"""Lab knows that of what a kernel says beside its answers, which a page that has just connected may miss: so
it is asked something small, until Lab has heard."""


class Page:
    """One notebook, open in Lab or in Notebook."""

    def __init__(self, browser: Any, address: str, name: str) -> None:
        self.page = browser.new_page(viewport={"width": 1200, "height": 1000})
        self.page.context.set_default_timeout(WAIT_SECONDS * 1000)  # of pages it opens too
        self.page.add_init_script(WATCH)
        self._address, self._name = address, name

    def open(self) -> None:
        self.page.goto(f"{self._address}/{self._name}?reset")
        self.until(KERNEL_IS_IDLE)

    def command(self, name: str, arguments: dict[str, Any] | None = None) -> None:
        self.page.evaluate(
            "([name, a]) => void jupyterapp.commands.execute(name, a)", [name, arguments or {}]
        )

    def run_all(self) -> None:
        """Returns at once."""
        self.command("notebook:run-all-cells")

    def run(self, cell: int) -> None:
        """One cell, to its end."""
        self.page.evaluate(
            "(i) => { jupyterapp.shell.currentWidget.content.activeCellIndex = i;"
            " return jupyterapp.commands.execute('notebook:run-cell'); }",
            cell,
        )

    def rewrite(self, cell: int, source: str) -> None:
        self.page.evaluate(
            "([i, source]) => jupyterapp.shell.currentWidget.content.widgets[i].model"
            ".sharedModel.setSource(source)",
            [cell, source],
        )

    def until(self, condition: str, argument: Any = None) -> Any:
        """Wait for a JavaScript condition, and have what it gives. It must not throw: while a view moves to
        its place, for a moment it is nowhere."""
        return self.page.wait_for_function(condition, arg=argument).json_value()

    def until_count(self, selector: str, count: int) -> None:
        self.until("([s, count]) => document.querySelectorAll(s).length === count", [selector, count])

    def until_kept(self, word: str, cell: int = 1) -> None:
        """Wait until a cell has a picture of the run that stands so, and the live view is in its place: from
        then on it moves no more, and what is typed comes to it."""
        self.until(
            "([i, word]) => { const {node} = jupyterapp.shell.currentWidget.content.widgets[i];"
            " return node.querySelector('.tf-kept .tf-day')?.alt.split('\\n')[0].includes(`: ${word}`)"
            " && node.querySelector('.tf-place > .tf-live') !== null; }",
            [cell, word],
        )

    def word_by_word(self, gate: Path, words: list[str]) -> None:
        """Each is on the page before the next one is said: a file of its name lets its speaker go on."""
        for word in words:
            self.until("(word) => seen.texts.some((text) => text.includes(word))", f"{word} ")
            (gate / word).touch()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for something outside the page."""
        end = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < end, f"{WAIT_SECONDS} s went by"
            self.page.wait_for_timeout(50)

    def until_executed(self, cell: int) -> None:
        self.until(
            "(i) => jupyterapp.shell.currentWidget.content.widgets[i].model.executionCount > 0"
            " && jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'",
            cell,
        )

    def outputs(self, cell: int) -> list[dict[str, Any]]:
        """What the notebook would save."""
        found: list[dict[str, Any]] = self.page.evaluate(
            "(i) => jupyterapp.shell.currentWidget.context.model.toJSON().cells[i].outputs", cell
        )
        return found

    def last_picture(self, cell: int = 1) -> dict[str, str]:
        """By mime type, once it has replaced the live view for good."""
        self.until(
            "(i) => { const shown = jupyterapp.shell.currentWidget.context.model.toJSON().cells[i].outputs"
            ".flatMap(({data}) => data ? [data] : []); return shown.length > 0 && shown"
            ".every((data) => !('application/vnd.jupyter.widget-view+json' in data)"
            " && /: (succeeded|failed|cancelled)/.test([data['text/plain'] ?? ''].flat().join(''))); }",
            cell,
        )
        [data] = [output["data"] for output in self.outputs(cell) if "data" in output]
        return {mime: "".join(parts) for mime, parts in data.items()}

    def text(self, cell: int) -> str:
        """What a cell printed, and its value."""
        parts = []
        for output in self.outputs(cell):
            parts.append(output.get("text") or output.get("data", {}).get("text/plain") or "")
            parts.append("\n".join(output.get("traceback", [])))
        return "".join("".join(part) for part in parts)

    def seen(self, what: str) -> list[str]:
        found: list[str] = self.page.evaluate(f"window.seen.{what}")
        return found

    def screenshot(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    def tell(self, test: pytest.Item) -> None:
        """What the page shows, for the report of a test that failed."""
        if test.stash.get(FAILED, False):
            print(f"{self._name} shows:", self.page.locator("body").inner_text(), sep="\n")
            self.screenshot(f"failed-{Path(self._name).stem}")

    def close(self) -> None:
        """With its kernel: a session is found again by the notebook's path."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget?.sessionContext.shutdown()")
        self.page.close()


def open_page(opened: ExitStack, test: pytest.Item, browser: Any, address: str, name: str) -> Page:
    """A page that tells at the test's end what it shows, should the test have failed, and is closed then."""
    page = Page(browser, address, name)
    opened.callback(page.close)
    opened.callback(page.tell, test)
    page.open()
    return page


class OpenNotebook(Protocol):
    def __call__(self, name: str, cells: list[str], kernel: str = "python3") -> Page: ...


@pytest.fixture
def open_notebook(
    server: tuple[str, Path], browser: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[OpenNotebook]:
    """`open_notebook("name", cells)`; every notebook of a test shares the test's own store."""
    address, root = server
    opened = ExitStack()

    def open_(name: str, cells: list[str], kernel: str = "python3") -> Page:
        store = f"sqlite:///{tmp_path / 'runs.db'}"
        setup = f"import os\nos.environ['TINYFLOW_STORE'] = {store!r}\n%load_ext tinyflow_nb"
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(text) for text in [setup, *cells]]
        )
        notebook.metadata["kernelspec"] = {
            "name": kernel, "display_name": kernel, "language": "python",
        }  # fmt: skip
        nbformat.write(notebook, root / f"{name}.ipynb")
        return open_page(opened, request.node, browser, address, f"{name}.ipynb")

    with opened:
        yield open_
