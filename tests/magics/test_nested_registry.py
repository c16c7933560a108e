"""`%tinyflow` on published chains: what a person looks at and changes, and what is refused."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest

from tests.magics.conftest import Notebook
from tests.magics.test_nested import DOC, user
from tinyflow_nb.errors import InvalidOperation
from tinyflow_nb_magics.magic_line import MagicError
from tinyflow_nb_magics.registry_picture import MOST, RegistryPicture
from tinyflow_nb_magics.session import Session


@pytest.fixture
def registry(notebook: Notebook) -> Notebook:
    """doc@1, doc@2 and user@1 are published; the notebook has no cell of them any more."""
    for size in (1, 2):
        notebook.ok(DOC.format(size=size))
        notebook.ok("%tinyflow publish doc")
    notebook.ok(user("doc", "--no-run"))
    notebook.ok("%tinyflow publish user")
    notebook.ok("del doc, user")
    return notebook


def rows(notebook: Notebook, command: str) -> list[tuple[str, ...]]:
    return notebook.ok(f"%tinyflow {command}").value.rows


def test_who_published_what_from_where(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "work/doc.ipynb")
    notebook.ok(DOC.format(size=1))
    notebook.ok("%tinyflow publish doc")
    ((ref, what, _, who, origin),) = rows(notebook, "history doc")
    assert (ref, what, who, origin) == ("doc@1", "published", getpass.getuser(), "work/doc.ipynb")


def test_chains_and_the_versions_of_one(registry: Notebook) -> None:
    assert [(row[0], row[-1]) for row in rows(registry, "chains")] == [("doc@2", ""), ("user@1", "")]
    assert [(row[0], row[-1]) for row in rows(registry, "chains doc")] == [
        ("doc@2", "current"),
        ("doc@1", ""),
    ]
    assert "did you mean 'doc'?" in registry.run("%tinyflow chains dok").told


def test_show_says_what_it_is_and_who_uses_it(registry: Notebook) -> None:
    registry.ok("%tinyflow label doc@1 prod")
    shown = registry.ok("%tinyflow show doc@prod").value
    told = repr(shown)
    assert "chain      doc@1" in told
    assert "versions   @2 (current), @1 (prod)" in told
    assert "used by    no published chain" in told
    assert "return text[:1]" in told
    assert "used by    user@1" in repr(registry.ok("%tinyflow show doc").value)
    assert "calls      doc" in repr(registry.ok("%tinyflow show user").value)
    bundle: dict[str, Any] = shown._repr_mimebundle_()
    assert bundle["text/html"].startswith("<svg ")
    assert "return text[:1]" in bundle["text/html"]
    assert shown.call("short", text="abc") == "a"


def test_diff(registry: Notebook) -> None:
    assert "-    return text[:1]\n+    return text[:2]\n" in registry.ok("%tinyflow diff doc@1 doc").printed
    assert registry.ok("%tinyflow diff doc doc@2").printed == "doc and doc@2 are the same.\n"


def test_labels_deprecation_and_deletion_are_kept_in_the_history(registry: Notebook) -> None:
    done = {
        "label doc@1 prod": "doc@prod is doc@1\n",
        "label doc prod": "doc@prod is doc@2\n",
        "unlabel doc@prod": "doc has no label prod any more\n",
        'deprecate doc@1 "use doc@2"': "doc@1 is deprecated: use doc@2\n",
        "deprecate doc@1 --undo": "doc@1 is not deprecated any more\n",
        "unpublish doc@1": "doc@1 is deleted; its number is not used again\n",
    }
    for command, told in done.items():
        assert registry.ok(f"%tinyflow {command}").printed == told
    assert [row[:2] for row in rows(registry, "history doc")] == [
        ("doc@1", "published"), ("doc@2", "published"), ("doc@1", "label prod"), ("doc@2", "label prod"),
        ("doc", "label prod taken away"), ("doc@1", "deprecated: use doc@2"),
        ("doc@1", "not deprecated any more"), ("doc@1", "deleted"),
    ]  # fmt: skip


def test_a_bundle_goes_to_another_store(registry: Notebook, tmp_path: Path) -> None:
    file = tmp_path / "chains.json"
    assert "Wrote user and all they call" in registry.ok(f'%tinyflow export user "{file}"').printed
    registry.ok(f"%tinyflow connect sqlite:///{tmp_path / 'other.db'}")
    assert registry.ok(f'%tinyflow import "{file}"').printed.startswith("Imported doc@1, user@1")
    assert registry.ok("%tinyflow run user -i text=abc --wait").value == "in short: ab"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("show doc@9", "doc has no version 9; its newest is 2"),
        ("history dok", "did you mean 'doc'?"),
        ("diff doc@1", "%tinyflow diff needs a second version"),
        ("diff doc@1 doc@2 doc", "unexpected 'doc'"),
        ("label doc@1", "%tinyflow label needs a label"),
        ("label doc@1 2nd", "'2nd' can't be a label"),
        ("unlabel doc", "%tinyflow unlabel needs the label, too: doc@prod"),
        ("deprecate doc@1", "%tinyflow deprecate needs why"),
        ("unpublish doc", "%tinyflow unpublish needs the version, too: doc@2"),
        ("unpublish doc@2", "doc@2 is used by user@1: change those first"),
        ("export doc", "%tinyflow export needs chains and a file"),
        ("export doc no/such/folder.json", "%tinyflow export: "),
        ("import nowhere.json", "%tinyflow import: "),
        ("chains nothing --graph", "no chain 'nothing' is published here"),
    ],
)
def test_what_is_refused_changes_nothing(registry: Notebook, command: str, told: str) -> None:
    before = rows(registry, "history doc")
    assert told in registry.run(f"%tinyflow {command}").told
    assert rows(registry, "history doc") == before


def test_the_picture_shows_who_calls_whom(registry: Notebook, session: Session) -> None:
    registry.ok("%%tinyflow alone --no-run\ndef a(): return 1")
    registry.ok("%tinyflow publish alone")
    picture = registry.ok("%tinyflow chains --graph").value
    assert picture.calls == [("user@1", "doc@2")]
    assert repr(picture).splitlines() == ["alone@1", "doc@2", "user@1 calls doc@2"]
    svg = picture._repr_mimebundle_()["image/svg+xml"]
    assert svg.startswith("<svg ")
    assert all(f">{ref}</text>" in svg for ref in ("alone@1", "doc@2", "user@1"))
    around = registry.ok("%tinyflow chains doc --graph").value
    assert repr(around).splitlines() == ["doc@2", "user@1 calls doc@2"]
    registry.ok("%tinyflow label doc@1 prod")
    registry.ok(user("doc@prod", "--no-run"))
    registry.ok("%tinyflow publish user")
    assert registry.ok("%tinyflow chains user --graph").value.calls == [("user@2", "doc@1")]


def test_too_many_chains_for_a_picture_are_refused(session: Session) -> None:
    from tinyflow_nb.engine.registry_index import RegistryIndex
    from tinyflow_nb.model.registry import RegistryEntry

    index = RegistryIndex()
    index.apply(RegistryEntry("publish", f"c{n}", 1, 0.0) for n in range(MOST + 1))
    with pytest.raises(MagicError, match=f"{MOST + 1} chains are too many for a picture"):
        RegistryPicture(index)
    assert repr(RegistryPicture(RegistryIndex())).startswith("No chain is published")


def test_a_circle_by_a_label_is_refused_with_its_path(registry: Notebook) -> None:
    """SEMANTICS 45: nothing changed."""
    registry.ok("%tinyflow label doc@1 prod")
    registry.ok(user("doc@prod", "--no-run"))
    registry.ok("%tinyflow publish user")
    registry.ok(user("user", "--no-run").replace("%%tinyflow user", "%%tinyflow doc"))
    registry.ok("%tinyflow publish doc")
    told = registry.run("%tinyflow label doc@3 prod").told
    assert "doc@3 > user@2 > doc@3; nothing changed" in told
    with pytest.raises(InvalidOperation, match="change those first"):
        registry.ok("%tinyflow unlabel doc@prod")
