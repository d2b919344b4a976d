"""What looks at results on the command line: evaluate, runs compare, runs report."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from workbench.commands import out
from workbench.core.errors import UserError
from workbench.core.files import write_text
from workbench.core.metric import METRICS
from workbench.core.run import Run
from workbench.core.text import Text, terminal_lang
from workbench.core.workspace import Workspace

Arguments = argparse.Namespace
FORMS = ("html", "json")


def evaluate(workspace: Workspace, arguments: Arguments) -> int:
    """Score a run or a model on a dataset; several, one after the other, and side by side."""
    from workbench.engine.evaluate_model import evaluate_target

    if len(arguments.target) == 1:
        out(evaluate_target(workspace, arguments.target[0], arguments.data, arguments.rows), arguments)
        return 0
    return _several(workspace, arguments)


def _several(workspace: Workspace, arguments: Arguments) -> int:
    from workbench.engine import evaluations, sidebyside

    made = evaluations.submit(workspace, arguments.target, arguments.data, arguments.rows)
    waiting = {each.id for each in made}
    while waiting:
        for each in [one for one in made if one.id in waiting and one.status in evaluations.ENDED]:
            waiting.discard(each.id)
            print(f"{each.question['target']}: {each.status}", file=sys.stderr, flush=True)
        evaluations.advance(workspace)
        time.sleep(0.2)
    done = [each.id for each in made if each.status == "finished"]
    told: dict[str, Any] = {"evaluations": [each.told() for each in made]}
    if len(done) > 1:
        told["compared"] = {key: value for key, value in sidebyside.beside(workspace, done).items() if key != "rows"}
    _print(told.get("compared"), arguments)
    out(told, arguments)
    return 0 if len(done) == len(made) else 2


def compare(workspace: Workspace, names: Sequence[str], arguments: Arguments) -> int:
    """Runs or evaluations side by side."""
    from workbench.engine import sidebyside

    found = sidebyside.beside(workspace, names)
    _print(found, arguments)
    if arguments.json:
        out(found, arguments)
    return 0


def _print(found: dict[str, Any] | None, arguments: Arguments) -> None:
    """For a person: scores, pairs, what differs."""
    if found is None or arguments.json:
        return
    from workbench.engine.verdict import figure

    for each in found["results"]:
        metric = METRICS.get(each["metric"])
        span = " – ".join(figure(metric, end) for end in each["interval"]) if each["interval"] else ""
        print(f"{each['id']}  {metric.kind} {figure(metric, each['score'])}  ({span})")
    for pair in found["pairs"]:
        print(f"{pair['other']} vs {pair['one']}: {pair['difference']:+.4g}  p {pair['adjusted']:.3g}  {pair['outcome']}")  # fmt: skip
    for path, values in found["config"].items():
        print(f"  {path}: {' | '.join(map(str, values))}")
    for text in found["warnings"]:
        print(Text(text["en"], text["zh"]).say(terminal_lang()))


def report(made: Run, arguments: Arguments) -> int:
    """The report card: its verdict, or the whole card as a file."""
    from workbench.engine import cardpage

    lang = terminal_lang()
    if arguments.out is None:
        text = cardpage.written(made, "json", lang)
        found = made.report or {}
        print(Text(found["verdict"]["en"], found["verdict"]["zh"]).say(lang) if not arguments.json else text.replace("\n", " "))  # fmt: skip
        return 0
    form = arguments.out.suffix.removeprefix(".").lower()
    if form not in FORMS:
        raise UserError(
            f"--out: “{arguments.out.name}” must end in .html or .json (for a PDF, print the HTML file).",
            f"--out：“{arguments.out.name}”须以 .html 或 .json 结尾（需要 PDF 时请打印 HTML 文件）。",
            field="--out",
        )
    write_text(arguments.out, cardpage.written(made, form, lang))
    out({"run": made.id, "file": str(arguments.out)}, arguments)
    return 0


def options(verbs: Any) -> None:
    """What evaluate takes."""
    verb = verbs.add_parser("evaluate", help="score runs or models on a dataset")
    verb.add_argument("target", nargs="+", metavar="RUN|MODEL")
    verb.add_argument("--data", required=True, metavar="DATASET")
    verb.add_argument("--rows", type=int, default=0, metavar="N", help="at most so many; 0 is all")


HANDLERS: dict[str, Callable[[Workspace, Arguments], int]] = {"evaluate": evaluate}
