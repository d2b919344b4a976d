"""Every command that the documentation shows is one: its verb and options exist, presets it names are there, and quick ones are run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

from workbench import cli

PAGES = [
    ROOT / "README.md",
    ROOT / "README.zh.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
OWN = ("test", "check")
"""Verbs of launch.py itself."""
QUICK = ("list", "doctor", "anatomy", "inspect")


def commands(page: Path) -> list[list[str]]:
    """`python launch.py …` in blocks of code, without comments; [OPTIONAL] parts and … left out."""
    text = "\n".join(re.findall(r"^```.*?\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))
    lines = re.findall(r"^python launch\.py(?: (.*))?$", text.replace("\\\n", " "), re.MULTILINE)
    return [shlex.split(re.sub(r"\[[^\]]*\]|…", "", line), comments=True) for line in lines]


SHOWN = [(page.name, words) for page in PAGES for words in commands(page)]


@pytest.mark.parametrize(
    ("page", "words"), SHOWN, ids=lambda value: " ".join(value) if isinstance(value, list) else value
)
def test_a_command_that_is_shown_exists(page: str, words: list[str]) -> None:
    if not words or words[0] in OWN:
        return
    cli.parser().parse_args(words)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", list(dict.fromkeys(tuple(words) for _, words in SHOWN if words and words[0] in QUICK)), ids=" ".join
)
def test_a_quick_command_works_as_shown(words: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "workbench.cli", *words, "--workspace", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip()


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_proxy_of_our_own_pages_names_who_asks_and_hands_on_the_name() -> None:
    """Without the first, people could name any address and guess passwords without a bound; without the second, every name is refused."""
    from workbench.ui.sharing import NGINX

    text = (ROOT / "docs" / "sharing.md").read_text(encoding="utf-8")
    for block in [NGINX, *(part.partition("```")[0] for part in text.split("```nginx")[1:])]:
        assert "X-Forwarded-For $remote_addr" in block
        assert "Host $http_host" in block, "a port that is not the usual one is part of the name"
