"""Who yields the cores: by the level of a process, and by that of its session where the system goes by sessions."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from places import ROOT

from workbench.core import polite

SAYS = """
import os, pathlib, sys
from workbench.core.polite import GROUP, give_way
give_way(int(sys.argv[1]))
print(os.getpriority(os.PRIO_PROCESS, 0), *(GROUP.read_text().split()[-1:] if GROUP.exists() else []))
"""


def levels(level: int, session: bool, most: str = "") -> list[str]:
    """Of a process that gives way: its own, and its session's where there is such a thing."""
    told = subprocess.run([sys.executable, "-c", SAYS, str(level)], cwd=ROOT, capture_output=True, text=True, check=True, start_new_session=session, env={**os.environ, polite.MOST: most})  # fmt: skip
    return told.stdout.split()


@pytest.mark.skipif(os.name != "posix", reason="levels of another kind")
@pytest.mark.parametrize("level", [12, 19])
def test_a_process_and_a_session_of_its_own_give_way(level: int) -> None:
    own, *session = levels(level, session=True)
    assert own == str(level)
    assert session in ([], [str(level)]), "none, where the kernel has no such groups or they are off"


@pytest.mark.skipif(not polite.GROUP.exists(), reason="a kernel without groups of this kind")
def test_a_session_of_somebody_else_is_left_as_it_is() -> None:
    shell = ["sh", "-c", '"$@"; cat /proc/self/autogroup', "sh", sys.executable, "-c", SAYS, "19"]
    told = subprocess.run(shell, cwd=ROOT, capture_output=True, text=True, check=True, start_new_session=True, env={**os.environ, polite.MOST: ""})  # fmt: skip
    levels = [word for word in told.stdout.split() if word.isdigit()]
    assert levels in (["19"], ["19", "0", "0"]), "own, and its session's before and after"


@pytest.mark.skipif(os.name != "posix", reason="levels of another kind")
def test_a_person_bounds_how_much_is_yielded() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert levels(19, session=True, most="12")[0] == "12"
    assert levels(19, session=True, most="0")[0] == str(before)
    assert levels(12, session=True, most="much")[0] == "12"
