"""What is pinned: all that pyproject.toml asks for, by hash, from the public index."""

import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = tomllib.loads((ROOT / "uv.lock").read_text())
RUNTIME = (ROOT / "operator" / "requirements.txt").read_text()
OURS = "imchat-operator"


def packages() -> list[dict[str, Any]]:
    return [p for p in LOCK["package"] if p["name"] != OURS]


def versions(name: str) -> set[str]:
    return {p["version"] for p in packages() if p["name"] == canonicalize_name(name)}


@pytest.mark.parametrize("part", ["", *sorted(PROJECT["optional-dependencies"])])
def test_the_lock_satisfies_what_the_project_asks_for(part: str) -> None:
    asked = PROJECT["optional-dependencies"][part] if part else PROJECT["dependencies"]
    for requirement in map(Requirement, asked):
        if requirement.name == OURS:
            continue
        found = versions(requirement.name)
        assert found, f"{requirement} is not in uv.lock: run `make lock`"
        assert all(map(requirement.specifier.contains, found)), f"{requirement}: run `make lock`"


def test_everything_is_from_the_public_index_and_has_a_hash() -> None:
    for package in packages():
        assert package["source"] == {"registry": "https://pypi.org/simple"}, package["name"]
        files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else ())]
        assert files, package["name"]
        for file in files:
            assert re.fullmatch("sha256:[0-9a-f]{64}", file["hash"]), file["url"]
            assert urlsplit(file["url"]).hostname == "files.pythonhosted.org"


def test_the_image_is_built_from_the_same_pins() -> None:
    pinned = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", RUNTIME, re.MULTILINE))
    assert {canonicalize_name(Requirement(d).name) for d in PROJECT["dependencies"]} <= set(pinned)
    assert all(version in versions(name) for name, version in pinned.items())
    entries = re.split(r"\n(?=\S)", RUNTIME.strip())
    assert len(entries) == len(pinned), "something is there that is no pin"
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in RUNTIME
