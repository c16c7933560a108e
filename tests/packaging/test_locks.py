"""The pinned files agree with the package's metadata, carry hashes, and name no address."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

LOCKS = ["setup.txt", "dev.txt", "weights.txt"]
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)")


def pins(file: Path) -> dict[str, set[str]]:
    """Versions by name; a name may be pinned twice, for different Pythons."""
    found: dict[str, set[str]] = {}
    for line in file.read_text().splitlines():
        if match := PIN.match(line):
            found.setdefault(match[1].lower(), set()).add(match[2])
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash_and_no_address(root: Path, lock: str) -> None:
    text = (root / "requirements" / lock).read_text()
    assert "://" not in text
    assert "index" not in {line.split()[0].strip("-") for line in text.splitlines() if line.startswith("-")}
    entries = re.split(r"\n(?=[^ \n])", text.strip())
    assert entries
    assert [entry for entry in entries if not PIN.match(entry) or "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("setup.txt", ["lab", "llm", "local-llm"]), ("dev.txt", ["lab", "notebook", "llm", "local-llm", "dev"])],
)
def test_pins_satisfy_the_metadata(root: Path, lock: str, extras: list[str]) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(r for e in extras for r in project["optional-dependencies"][e])]
    pinned = pins(root / "requirements" / lock)
    for requirement in map(Requirement, wanted):
        versions = pinned.get(requirement.name.lower(), set())
        assert versions, f"{requirement.name} is not pinned in {lock}: run make lock"
        assert all(requirement.specifier.contains(v, prereleases=True) for v in versions), requirement


def test_the_development_pins_include_the_setup_ones(root: Path) -> None:
    setup, dev = pins(root / "requirements" / "setup.txt"), pins(root / "requirements" / "dev.txt")
    assert {name: versions for name, versions in setup.items() if dev.get(name) != versions} == {}
