"""The verbs that take what was done elsewhere: certificate tells of it; export takes what it learned away, or writes a job file; join is what the job file calls on every
machine."""

from __future__ import annotations

import argparse
import secrets
import time
from pathlib import Path
from typing import Any

from workbench.commands import out, target
from workbench.core import preset, recipe, run
from workbench.core.errors import UserError, shorten
from workbench.core.files import write_text
from workbench.core.recipe import Recipe
from workbench.core.run import Run
from workbench.core.text import Text, terminal_lang
from workbench.core.workspace import Workspace

Arguments = argparse.Namespace


def export(workspace: Workspace, arguments: Arguments) -> int:
    """What a run learned in another form, or a job file that does it elsewhere."""
    from workbench.engine.taking import EXPORTS
    from workbench.engine.target import TARGETS

    if arguments.to in EXPORTS.kinds():
        return _taken(workspace, arguments)
    if arguments.to not in TARGETS.kinds():
        raise _no_target(arguments.to, [*EXPORTS.kinds(), *TARGETS.kinds()])
    return _job(workspace, arguments)


def _no_target(name: str, kinds: list[str]) -> UserError:
    choices = ", ".join(kinds)
    return UserError(
        f"There is no export target called “{shorten(name)}”. Choose one of: {choices}.",
        f"没有名为“{shorten(name)}”的导出目标。可选：{choices}。",
        field="--to",
    )


def _taken(workspace: Workspace, arguments: Arguments) -> int:
    """Write, check, and say what the check found; 1 when the export is broken."""
    from workbench.engine.taking import take, wish

    found = run.find(workspace, arguments.source)
    done = take(workspace, wish(workspace, found, arguments.to, recipe.settings(arguments.settings), arguments.out))
    sentence = Text(done["sentence"]["en"], done["sentence"]["zh"])
    if not arguments.json:
        print(sentence.say(terminal_lang()))
    out({key: done[key] for key in ("run", "to", "word", "folder", "bytes")} if not arguments.json else done, arguments)
    return 1 if done["word"] == "broken" else 0


def _job(workspace: Workspace, arguments: Arguments) -> int:
    """A job file and the recipe beside it; the recipe is checked as if it were to run here."""
    from workbench.engine.target import TARGETS, Job, Size, checked, sized, write

    if arguments.out is None:
        raise UserError("--out: name the job file to write.", "--out：请给出要写入的任务文件名。", field="--out")
    to = TARGETS.get(arguments.to)
    given = Size(arguments.processes, arguments.machines, arguments.hours, arguments.partition)
    wanted, size = sized(_recipe(workspace, arguments), given)
    made = checked(workspace, wanted)
    place = arguments.out.expanduser().resolve()
    job = Job(made, _name(made), place.with_name(f"{place.stem}.recipe.yaml"), workspace, size)
    files = write(to, job, place)
    out({"run": job.run, "to": to.kind, "files": [str(file) for file in files]}, arguments)
    return 0


def _recipe(workspace: Workspace, arguments: Arguments) -> Recipe:
    found = target(workspace, arguments.source)
    made = found.recipe if isinstance(found, Run) else preset.find(arguments.source)
    return recipe.with_settings(made, arguments.settings)


def _name(made: Recipe) -> str:
    """The run's id on the cluster, as it would be here."""
    words = "".join(char if char.isalnum() else "-" for char in (made.name or made.data.dataset)).strip("-")
    return f"{time.strftime('%Y-%m-%d-%H%M%S')}-{words[:24] or 'run'}-{made.method.kind[:12]}-{secrets.token_hex(2)}"


def join(workspace: Workspace, arguments: Arguments) -> int:
    """Take part in a run as one of several machines."""
    from workbench.engine.machine import Place, join

    place = Place(arguments.machine, arguments.machines, arguments.processes, arguments.address)
    return join(workspace, arguments.run, arguments.recipe, place)


def certificate(workspace: Workspace, arguments: Arguments) -> int:
    """What was done in this workspace, as a page that can be checked."""
    from workbench.learn import _certificate

    place = arguments.out.expanduser().resolve()
    write_text(place, _certificate.page(workspace, arguments.lang or terminal_lang()))
    out({"file": str(place)}, arguments)
    return 0


def options(verbs: Any) -> None:
    """What the verbs take."""
    paper = verbs.add_parser("certificate", help="what you did, with figures and checksums, as a page to show")
    paper.add_argument("--out", default=Path("certificate.html"), type=Path, metavar="FILE.html")
    paper.add_argument("--lang", choices=["en", "zh"], default=None)
    export_verb = verbs.add_parser(
        "export", help="take a run away: a model, files, a script; or a job file for a cluster"
    )
    export_verb.add_argument("source", metavar="RUN|RECIPE.yaml|PRESET")
    export_verb.add_argument(
        "--to", required=True, metavar="TARGET", help="adapter, merged, gguf, onnx, script, slurm … (`list exports`)"
    )
    export_verb.add_argument(
        "--out", default=None, type=Path, metavar="DIR|FILE", help="a folder; for a job file its name"
    )
    export_verb.add_argument("--set", action="append", default=[], metavar="key=value", dest="settings", help="of the target, or of a job's recipe")  # fmt: skip
    export_verb.add_argument("--processes", type=int, default=0, help="on each machine; 0 is what the recipe says")
    export_verb.add_argument("--machines", type=int, default=0, help="0 is what the recipe says")
    export_verb.add_argument("--hours", type=float, default=24.0, help="time limit")
    export_verb.add_argument("--partition", default="", help="Slurm: where to queue")
    join_verb = verbs.add_parser("join", help="what a job file calls: this machine's part in a run")
    join_verb.add_argument("run", metavar="ID")
    join_verb.add_argument("recipe", type=Path, metavar="RECIPE.yaml")
    join_verb.add_argument("--machine", type=int, default=0, help="which machine this is; 0 is the first")
    join_verb.add_argument("--machines", type=int, default=1)
    join_verb.add_argument("--processes", type=int, default=1, help="on each machine")
    join_verb.add_argument("--address", default="127.0.0.1:29500", metavar="HOST:PORT", help="of the first machine")


HANDLERS = {"export": export, "join": join, "certificate": certificate}
