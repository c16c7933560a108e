"""SEMANTICS 36: chains of chains in a notebook - its own cells first, mistakes at the line, handles."""

from __future__ import annotations

import time
import warnings

import pytest

from tests.magics.conftest import Notebook
from tinyflow_nb.errors import CycleError, DefinitionError, DeprecatedChain
from tinyflow_nb_magics.session import Session

DOC = """%%tinyflow doc --no-run
def short(text: str) -> str:
    return text[:{size}]
"""
USER = """%%tinyflow user {flags}
@chain("{ref}")
def summary({parameters}): ...

def told(summary) -> str:
    return f"in short: {{summary}}"
"""
ASK = '''%%tinyflow ask --no-run
from collections.abc import Iterator

def draft(text: str) -> Iterator[str]:
    yield "dear "
    yield text

@confirm(initial="draft")
def approval(draft) -> str:
    """Send it?"""
'''
FAILING = """%%tinyflow doc --no-run
def short(text: str) -> str:
    raise ValueError("no " + text)
"""


def user(ref: str = "doc", flags: str = "-i text=abcdef", parameters: str = "text: str") -> str:
    return USER.format(ref=ref, flags=flags, parameters=parameters)


def test_36_an_unpinned_name_is_this_notebook_s_cell_first_then_the_registry(notebook: Notebook) -> None:
    notebook.ok(DOC.format(size=1))
    notebook.ok("%tinyflow publish doc")
    notebook.ok(DOC.format(size=2))
    notebook.ok(user())
    assert notebook.ok("await user.last").value == "in short: ab"
    notebook.ok(DOC.format(size=3))
    assert notebook.ok("await user.start(text='abcdef')").value == "in short: abc"
    notebook.ok(user("doc@1"))
    assert notebook.ok("await user.last").value == "in short: a"
    notebook.ok("del doc")
    notebook.ok(user())
    assert notebook.ok("await user.last").value == "in short: a"


def test_36_a_cell_s_bound_values_go_with_it(notebook: Notebook) -> None:
    notebook.ok("size = 4")
    notebook.ok(DOC.format(size="size").replace("--no-run", "--no-run --bind size"))
    notebook.ok(user())
    assert notebook.ok("await user.last").value == "in short: abcd"


@pytest.mark.parametrize(
    ("ref", "parameters", "told"),
    [
        ("dok", "text: str", "'summary': no chain 'dok' is published here; did you mean 'doc'?"),
        ("doc@7", "text: str", "'summary': doc has no version 7; its newest is 1"),
        ("doc@prod", "text: str", "'summary': doc has no label 'prod'; its labels are none"),
        ("doc", "", "'summary' does not give doc@#"),
        ("doc", "text: str, size: int", "the input 'size', which it has not"),
        ("doc", "text: int", "which takes text"),
    ],
)
@pytest.mark.parametrize("flags", ["--no-run", "-i text=x"])
def test_36_what_does_not_fit_is_told_at_its_line_before_anything_runs(
    notebook: Notebook, session: Session, ref: str, parameters: str, told: str, flags: str
) -> None:
    notebook.ok(DOC.format(size=1))
    notebook.ok("%tinyflow publish doc")
    ran = notebook.run(user(ref, flags, parameters))
    assert isinstance(ran.error, DefinitionError)
    assert ran.told.startswith("DefinitionError: user: 1 mistake; nothing was run")
    assert "line 3 | def summary(" in ran.told
    assert told in ran.told
    assert "user" not in notebook.shell.user_ns
    assert session.call(session.executor.runs()).runs == []


def test_36_a_mistake_further_down_is_told_at_the_line_that_leads_there(notebook: Notebook) -> None:
    notebook.ok(DOC.format(size=1))
    notebook.ok(user().replace("%%tinyflow user", "%%tinyflow middle"))
    notebook.ok("del doc")
    ran = notebook.run(user("middle"))
    assert "line 3 | def summary(" in ran.told
    assert "'summary' calls middle@#" in ran.told
    assert "line 3: 'summary': no chain 'doc' is published here" in ran.told


def test_a_circle_between_cells_is_told_at_the_line_with_its_path(notebook: Notebook) -> None:
    notebook.ok(DOC.format(size=1))
    notebook.ok(user("doc", "--no-run"))
    ran = notebook.run(user("user", "--no-run").replace("%%tinyflow user", "%%tinyflow doc"))
    assert isinstance(ran.error, DefinitionError)
    (problem,) = ran.error.problems
    assert problem.line == 3
    path = problem.message.partition("in a circle: ")[2]
    assert [name.partition("@")[0] for name in path.split(" > ")] == ["doc", "user", "doc"]


def test_a_cell_that_calls_itself_is_told_at_the_line(notebook: Notebook) -> None:
    ran = notebook.run(user("user", "--no-run"))
    assert "line 3 | def summary(" in ran.told
    assert "in a circle: user@#" in ran.told


def test_a_run_that_goes_on_is_not_stopped_by_a_mistake(notebook: Notebook) -> None:
    """SEMANTICS 38: only a cell that runs replaces its run."""
    notebook.ok(ASK)
    notebook.ok(user("ask"))
    notebook.run("await user.last")
    assert "DefinitionError" in notebook.run(user("ass")).told
    assert notebook["user"].last.status == "SUSPENDED"


def test_publishing_needs_it_published_and_closes_no_circle(notebook: Notebook) -> None:
    notebook.ok(DOC.format(size=1))
    ran = notebook.run(user("doc", "--publish -i text=x"))
    assert "DefinitionError: user: 1 mistake; nothing was published" in ran.told
    assert "line 3 | def summary(" in ran.told
    assert "publish it first: %tinyflow publish doc" in ran.told
    notebook.ok("%tinyflow publish doc")
    notebook.ok(user("doc", "--publish --no-run"))
    notebook.ok("del user")
    notebook.ok(user("user", "--no-run").replace("%%tinyflow user", "%%tinyflow doc"))
    ran = notebook.run("%tinyflow publish doc")
    assert isinstance(ran.error, CycleError)
    assert "doc@2 > user@1 > doc@2; nothing changed" in ran.told


def test_a_deprecated_chain_warns_in_one_line(notebook: Notebook) -> None:
    notebook.ok(DOC.format(size=1))
    notebook.ok("%tinyflow publish doc")
    notebook.ok('%tinyflow deprecate doc@1 "use doc@2"')
    with pytest.warns(DeprecatedChain, match="doc@1 is deprecated: use doc@2") as caught:
        notebook.ok(user("doc@1"))
    told = warnings.formatwarning(caught[0].message, caught[0].category, "x.py", 1)
    assert told == "Warning: doc@1 is deprecated: use doc@2\n"
    assert warnings.formatwarning("other", UserWarning, "x.py", 1, "code").startswith("x.py:1: UserWarning")
    notebook.shell.run_line_magic("unload_ext", "tinyflow_nb")
    assert "x.py" in warnings.formatwarning("gone", DeprecatedChain, "x.py", 1, "code")
    notebook.shell.run_line_magic("load_ext", "tinyflow_nb")


def test_41_a_run_reaches_into_the_chains_below(notebook: Notebook) -> None:
    """Rules 16 and 41: views, forms and streamed text by their path."""
    notebook.ok(ASK)
    notebook.ok(user("ask", "-i text=Ada"))
    assert "summary/approval: Send it?" in notebook.run("await user.last").told
    run = notebook["user"].last
    assert (run["summary/draft"].output, run["summary/draft"].status) == ("dear Ada", "SUCCEEDED")
    assert repr(run["summary/approval"]) == (
        f"<summary/approval of run {run.state.nodes['summary'].child}: SUSPENDED>"
    )
    assert list(run.state.below) == ["summary/approval"]
    told = notebook.ok("[said async for said in user.last.stream()]").value
    assert told == [("summary/draft", None, "dear "), ("summary/draft", None, "Ada")]
    assert notebook.ok("[t async for n, i, t in user.last.stream('summary/draft')]").value == ["dear ", "Ada"]
    waiting = notebook.ok("%tinyflow waiting").value
    chains = f"{notebook['user'].reference} > {notebook['ask'].reference}"
    assert waiting.rows == [(run.id, chains, "summary/approval", "Send it?", "one value")]
    assert "has no chain below it; those that have: summary" in notebook.run("user.last['told/x']").told
    assert "did you mean 'approval'?" in notebook.run("user.last['summary/aproval']").told
    notebook.ok("user.last.resume('well', node='summary/approval')")
    assert notebook.ok("await user.last").value == "in short: well"


def test_41_a_node_below_is_answered_by_its_view(notebook: Notebook) -> None:
    notebook.ok(ASK)
    notebook.ok(user("ask", "-i text=Ada"))
    notebook.run("await user.last")
    notebook.ok("user.last['summary/approval'].resume('by its view')")
    assert notebook.ok("await user.last").value == "in short: by its view"


def test_a_failure_below_shows_its_whole_path(notebook: Notebook) -> None:
    notebook.ok(FAILING)
    notebook.ok(user("doc", "-i text=x"))
    told = notebook.run("await user.last").told
    user_ref, doc_ref = notebook["user"].reference, notebook["doc"].reference
    assert (
        f"{user_ref} > summary (line 3) > {doc_ref} > short (line 3) failed (attempt 1): ValueError" in told
    )
    assert notebook["user"].last["summary/short"].error["message"] == "no x"


def test_16_the_parent_s_view_asks_the_child_s_form(notebook: Notebook, session: Session) -> None:
    notebook.ok(ASK)
    notebook.ok(user("ask", "-i text=Ada"))
    notebook.run("await user.last")
    (view,) = session._views[notebook["user"].last.id]

    def forms(wanted: int) -> list[dict[str, str]]:
        end = time.monotonic() + 60
        while len(found := view.widget.snapshot["forms"]) != wanted:
            assert time.monotonic() < end
            time.sleep(0.02)
        return found

    (form,) = forms(1)
    assert (form["unit"], form["message"]) == ("summary/approval", "Send it?")
    assert view.widget.snapshot["nodes"]["summary"]["status"] == "SUSPENDED"
    assert view._on_action({"type": "resume", "unit": form["unit"], "answer": "yes", "answer_id": "1"})["ok"]
    assert notebook.ok("await user.last").value == "in short: yes"
    assert forms(0) == []


def test_completion_offers_cells_names_versions_and_labels(notebook: Notebook) -> None:
    cell = "%%tinyflow user\n@chain("
    for size in (1, 2):
        notebook.ok(DOC.format(size=size))
        notebook.ok("%tinyflow publish doc")
    notebook.ok("%tinyflow label doc@1 prod")
    notebook.ok("del doc")
    notebook.ok(ASK)
    assert notebook.complete(f'{cell}"') == [f'{cell}"ask', f'{cell}"doc']
    assert notebook.complete(f"{cell}'d") == [f"{cell}'doc"]
    assert notebook.complete(f'{cell}"doc@') == [f'{cell}"doc@{v}' for v in ("prod", "2", "1")]
    assert notebook.complete(f'{cell}"doc@p') == [f'{cell}"doc@prod']
    assert notebook.complete(f'{cell}"nothing@') == []
    assert notebook.complete('@chain("d') == [], "only a chain's cell is ours"
    for command in ("show", "chains", "history", "deprecate", "unpublish", "label"):
        assert notebook.complete(f"%tinyflow {command} do") == [f"%tinyflow {command} doc"]
    assert notebook.complete("%tinyflow diff doc@1 doc@2") == ["%tinyflow diff doc@1 doc@2"]
    assert notebook.complete("%tinyflow unlabel doc@p") == ["%tinyflow unlabel doc@prod"]
    assert notebook.complete("%tinyflow export doc d") == ["%tinyflow export doc doc"]
    assert notebook.complete("%tinyflow label doc@1 d") == []
