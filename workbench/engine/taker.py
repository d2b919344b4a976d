"""The other side of taking a run away (see workbench.engine.taking), in processes of its own: write, check, publish."""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.core import run as runs
from workbench.core.workspace import Workspace
from workbench.engine import parity
from workbench.engine.ask import Answer, Question, answer, tell
from workbench.engine.session import set_threads
from workbench.engine.source import Source
from workbench.engine.taking import EXPORTS, REFERENCE, section_of


def work(workspace: Workspace, question: Question) -> Answer:
    """One of the three."""
    source = Source(workspace, runs.find(workspace, str(question["run"])))
    export, folder = EXPORTS.get(str(question["kind"])), Path(question["folder"])
    section = section_of(export, question["knobs"])
    set_threads(source.recipe.compute.threads)
    if question["do"] == "publish":
        tell(phase="publish")
        return export.publish(source, section, folder)
    if question["do"] == "check":
        tell(phase="check")
        return parity.check(export, source, section, folder)
    folder.mkdir(parents=True)
    if export.model:
        tell(phase="ask")
        parity.keep(source, section, export.base(source.run, section), folder / REFERENCE)
    tell(phase="write")
    export.write(source, section, folder)
    return {"written": True}


if __name__ == "__main__":
    sys.exit(answer(work))
