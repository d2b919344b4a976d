"""What we stand on: no release below the floors that advisories set, every locked file by its digest, a bill of materials, and no key
in the repository."""

from __future__ import annotations

import json
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from faults import note
from lock import APART, TESTS, USUAL, entries
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.version import Version
from places import ROOT

from workbench import cli
from workbench.engine.sbom import bill, normal

FLOORS = {
    "torch": ("2.10.0", "CVE-2025-32434, CVE-2026-24747: weights_only could be passed by"),
    "transformers": ("5.0.0", "CVE-2026-1839: random states of a checkpoint unpickled"),
    "gradio": ("6.20.0", "CVE-2026-59806 and fifty before it"),
    "pyarrow": ("14.0.1", "CVE-2023-47248: code in a file"),
    "starlette": ("0.49.1", "CVE-2023-29159, CVE-2023-30798, CVE-2024-47874, CVE-2025-54121, CVE-2025-62727"),
    "python-multipart": ("0.0.18", "CVE-2024-24762, CVE-2024-53981"),
    "h11": ("0.16.0", "CVE-2025-43859"),
    "jinja2": ("3.1.6", "CVE-2025-27516: out of the sandbox"),
    "pillow": ("10.3.0", "CVE-2023-50447, CVE-2024-28219"),
    "requests": ("2.32.4", "CVE-2024-47081: credentials to another host"),
    "urllib3": ("2.5.0", "CVE-2025-50181: redirects"),
    "aiohttp": ("3.12.14", "CVE-2025-53643"),
    "setuptools": ("78.1.1", "CVE-2025-47273"),
    "nltk": ("3.9.1", "CVE-2024-39705: unpickles downloaded data"),
    "protobuf": ("6.31.1", "CVE-2025-4565"),
    "pypdf": ("6.0.0", "CVE-2025-55197"),
    "scikit-learn": ("1.5.0", "CVE-2024-5206"),
    "datasets": ("4.0.0", "no loading scripts from here on; by a builder's name it unpickles still (CVE-2026-57845), so we never ask it for one"),
}  # fmt: skip
tomllib: Any = pytest.importorskip("tomllib")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DIRECT = [Requirement(line) for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]]
LOCKED = {name: found for path in (USUAL, TESTS) for name, found in entries(path.read_text("utf-8")).items()}
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


def versions(name: str) -> list[tuple[Version, Marker | None]]:
    """Locked releases of a package, each with where it is taken."""
    heads = [Requirement(entry.partition("\\")[0].strip()) for entry in LOCKED[name]]
    return [(Version(next(iter(head.specifier)).version), head.marker) for head in heads]


@pytest.mark.parametrize("name", FLOORS)
def test_no_release_is_below_its_floor(name: str) -> None:
    floor, why = Version(FLOORS[name][0]), FLOORS[name][1]
    taken = [Version(metadata.version(name)), *lowest(name)]
    if not APART.fullmatch(name):
        taken += [version for version, _ in versions(name)]
    below = [version for version in taken if version < floor]
    note("S8", f"releases below the floor, the most of any of {len(FLOORS)} packages", len(below), most=0)
    assert below == [], why


def lowest(name: str) -> list[Version]:
    """The lowest release that we ask for, wherever we ask for the package ourselves; 0 where no bound is given."""
    bounds = [[Version(each.version) for each in wanted.specifier if each.operator == ">="] for wanted in DIRECT if normal(wanted.name) == name]  # fmt: skip
    return [max(each, default=Version("0")) for each in bounds]


@pytest.mark.parametrize("path", [USUAL, TESTS], ids=lambda path: path.name)
def test_every_locked_release_has_digests_and_comes_by_name(path: Path) -> None:
    for name, found in entries(path.read_text("utf-8")).items():
        for entry in found:
            assert re.match(r"[a-z0-9-]+==[^\s]+( ; [^\\]+)? \\\n", entry), entry[:80]
            assert re.fullmatch(r"(    --hash=sha256:[0-9a-f]{64}( \\)?\n?)+", entry.partition("\n")[2]), name
        assert not APART.fullmatch(name)
    assert "://" not in path.read_text("utf-8")


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_what_the_project_asks_for(python: str) -> None:
    here = {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": "linux",
        "platform_system": "Linux",
    }
    for wanted in DIRECT:
        name = normal(wanted.name)
        if APART.fullmatch(name) or (wanted.marker and not wanted.marker.evaluate(here)):
            continue
        taken = [version for version, marker in versions(name) if marker is None or marker.evaluate(here)]
        assert len(taken) == 1, (name, python, taken)
        assert wanted.specifier.contains(taken[0], prereleases=True), (name, python, taken)


def test_both_locks_together_name_each_package_once() -> None:
    usual, tests = (set(entries(path.read_text("utf-8"))) for path in (USUAL, TESTS))
    assert not usual & tests
    note("S8", "packages locked by digest", len(usual | tests))
    assert {"gradio", "transformers", "setuptools"} <= usual
    assert {"pytest", "ruff", "mypy"} <= tests


def locked_or_installed(name: str) -> str:
    """Its version in this environment; setuptools, once imported, shows packages that it carries along."""
    found = [each for each in metadata.distributions(name=name) if "_vendor" not in str(each.locate_file(""))]
    return found[0].version


def test_what_another_package_carries_along_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "_vendor" / "numpy-0.0.1.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.0.1\n")
    monkeypatch.syspath_prepend(folder.parent)
    assert [each["version"] for each in bill()["components"] if each["name"] == "numpy"] == [
        locked_or_installed("numpy")
    ]


def test_the_bill_of_materials_is_what_cyclonedx_asks_for(tmp_path: Path, capsys: Any) -> None:
    assert cli.main(["sbom", "--out", str(tmp_path / "bom.json"), "--workspace", str(tmp_path / "w")]) == 0
    made = json.loads((tmp_path / "bom.json").read_text(encoding="utf-8"))
    assert (made["bomFormat"], made["specVersion"], made["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["serialNumber"])
    refs = [each["bom-ref"] for each in made["components"]]
    assert len(set(refs)) == len(refs)
    for each in made["components"]:
        assert each["type"] == "library"
        assert re.fullmatch(r"pkg:pypi/[a-z0-9-]+@[A-Za-z0-9.%-]+", each["purl"])
        assert each["version"] == locked_or_installed(each["name"])
        assert all(re.fullmatch(r"[0-9a-f]{64}", found["content"]) for found in each.get("hashes", []))
        assert all(("expression" in one) != ("license" in one) for one in each.get("licenses", []))
    known = {*refs, made["metadata"]["component"]["bom-ref"]}
    assert all({each["ref"], *each["dependsOn"]} <= known for each in made["dependencies"])
    assert len({each["ref"] for each in made["dependencies"]}) == len(made["dependencies"])
    assert sum("licenses" in each for each in made["components"]) > 0.9 * len(refs)
    assert sum("hashes" in each for each in made["components"]) > 0.9 * len(refs)
    assert bill()["serialNumber"] == made["serialNumber"], "the same environment has the same bill"
    note("S8", "components in the bill of materials", len(refs))


KEYS = {
    "Hugging Face": (r"\bhf_[A-Za-z0-9]{30,}\b", "hf" + "_" + "aB3" * 12),
    "OpenAI": (r"\bsk-(?:proj-)?[A-Za-z0-9_-]{32,}\b", "sk" + "-" + "aB3x" * 10),
    "AWS": (r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", "AK" + "IA" + "Q7" * 8),
    "GitHub": (r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{50,})\b", "gh" + "p_" + "aB3x" * 9),
    "GitLab": (r"\bglpat-[\w-]{20,}\b", "gl" + "pat-" + "aB3x" * 5),
    "Slack": (r"\bxox[abprs]-[\w-]{20,}", "xo" + "xb-" + "1234-" * 6),
    "Google": (r"\bAIza[\w-]{35}\b", "AI" + "za" + "aB3xy" * 7),
    "PyPI": (r"\bpypi-AgE[\w-]{40,}", "py" + "pi-AgE" + "aB3x" * 12),
    "npm": (r"\bnpm_[A-Za-z0-9]{36}\b", "np" + "m_" + "aB3x" * 9),
    "private key": (r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----", "-----BEGIN " + "RSA PRIVATE KEY-----"),
    "JWT": (r"\beyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{16,}", "ey" + "J" + "aB3x" * 5 + ".ey" + "J" + "aB3x" * 5 + "." + "aB3x" * 6),
    "a key by its name": (r"(?i)\b(?:api_?key|secret|passwd|password|token)\s*[:=]\s*[\"'][A-Za-z0-9+/_-]{32,}[\"']", "api_" + 'key = "' + "aB3x" * 10 + '"'),
}  # fmt: skip


MADE_UP = {
    "tests/data/badfiles.py: OpenAI",
    "tests/data/test_data_cleaning.py: JWT",
    "tests/data/test_data_cleaning.py: private key",
}
"""Invented ones, in the tests of the step that finds keys in a person's data."""


@pytest.mark.parametrize("kind", KEYS)
def test_the_scan_knows_a_key_when_it_sees_one(kind: str) -> None:
    assert re.search(KEYS[kind][0], f"x {KEYS[kind][1]} y")


def test_no_key_is_in_the_repository() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout.decode()
    paths = [ROOT / name for name in listed.split("\0") if name] or [path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]  # fmt: skip
    found = list[str]()
    for path in (path for path in paths if path.is_file() and path.stat().st_size < 2_000_000):
        text = path.read_bytes().decode("utf-8", "ignore")
        found += [f"{path.relative_to(ROOT)}: {kind}" for kind, (shape, _) in KEYS.items() if re.search(shape, text)]
    note("S8", "keys found in the repository", len({*found} - MADE_UP), f"in {len(paths)} files", 0)
    assert set(found) <= MADE_UP
