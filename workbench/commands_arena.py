"""arena: a blind contest on the command line: new, list, show, vote, judge, export."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.commands import out
from workbench.core.errors import UserError
from workbench.core.files import write_text
from workbench.core.text import Text, terminal_lang
from workbench.core.workspace import Workspace

Arguments = argparse.Namespace
KEYS = {"1": "left", "2": "right", "0": "tie", "x": "bad"}


def contest(workspace: Workspace, arguments: Arguments) -> int:
    """Whatever was asked for."""
    act: dict[str, Callable[[Workspace, Arguments], int]] = {
        "new": new, "list": listed, "show": show, "vote": vote, "judge": judge, "export": export,
    }  # fmt: skip
    return act[arguments.action](workspace, arguments)


def new(workspace: Workspace, arguments: Arguments) -> int:
    """Ask every model every prompt, and wait for the answers."""
    from workbench.engine import answering, arena

    names = [answering.named(workspace, name) for name in arguments.names]
    prompts = arena.prompts_of(workspace, arguments.data, arguments.rows) if arguments.data else arena.written(sys.stdin.read())  # fmt: skip
    made = arena.create(workspace, names, prompts)
    print(made.id, flush=True)
    answering.start(workspace, made)
    while answering.running(made):
        time.sleep(0.2)
    if found := answering.error(made):
        raise UserError(found["en"], found["zh"])
    out({"arena": made.id, "contestants": made.contestants, "prompts": len(prompts), "answers": len(made.answers())}, arguments)  # fmt: skip
    return 0


def listed(workspace: Workspace, arguments: Arguments) -> int:
    """Every contest."""
    from workbench.engine import arena

    out([{"arena": each.id, "contestants": each.contestants, "votes": len(each.votes())} for each in arena.all_arenas(workspace)], arguments)  # fmt: skip
    return 0


def _found(workspace: Workspace, arguments: Arguments) -> Any:
    from workbench.engine import arena

    return arena.find(workspace, arguments.names[0] if arguments.names else "last")


def show(workspace: Workspace, arguments: Arguments) -> int:
    """Standings, and what a judge made of it."""
    from workbench.engine import arena, bradley, judging

    made = _found(workspace, arguments)
    given = arena.outcomes(made.votes())
    table = [each.__dict__ for each in bradley.standings(made.contestants, given)]
    duel = bradley.duel(made.contestants[1], made.contestants[0], given)
    out({"arena": made.id, "votes": len(given), "standings": table, "duel": duel, "judge": judging.summary(made)}, arguments)  # fmt: skip
    return 0


def vote(workspace: Workspace, arguments: Arguments) -> int:
    """One pair after another in the terminal: 1, 2, 0 (tie), x (both bad), q."""
    from workbench.engine import arena, judging

    made = _found(workspace, arguments)
    while match := arena.next_match(made):
        answers = made.answers()
        print(f"\n? {judging.requested(made.prompts[match.prompt])}\n\n[1] {answers[match.prompt, match.left]}\n\n[2] {answers[match.prompt, match.right]}\n")  # fmt: skip
        print("1 / 2 / 0 / x / q: ", end="", flush=True)
        said = sys.stdin.readline().strip().lower()
        if said in ("q", ""):
            break
        if said in KEYS:
            arena.vote(made, match, KEYS[said])
            print(f"1 = {match.left} · 2 = {match.right}")
    return show(workspace, arguments)


def judge(workspace: Workspace, arguments: Arguments) -> int:
    """Have an OpenAI-compatible endpoint judge every pair, in both orders."""
    from workbench.engine import judging

    made = _found(workspace, arguments)
    asked = judging.Judge(arguments.url, arguments.model, arguments.prompt.read_text("utf-8") if arguments.prompt else judging.PROMPT)  # fmt: skip
    judging.judged(made, asked, arguments.rows if arguments.limited else 0, lambda done, whole: print(f"  {done}/{whole}", file=sys.stderr))  # fmt: skip
    found = judging.summary(made, asked.model) or {}
    if found and not found["trusted"]:
        warning = Text("The judge changes its mind with the order too often; do not rely on it.", "裁判的结论随顺序变化过多，不可依赖。")  # fmt: skip
        print(warning.say(terminal_lang()), file=sys.stderr)
    out({"arena": made.id, "judge": found}, arguments)
    return 0


def export(workspace: Workspace, arguments: Arguments) -> int:
    """Votes as rows for preference tuning: a file, or a dataset."""
    from workbench.engine import arena

    made = _found(workspace, arguments)
    if arguments.out:
        rows = arena.preferences(made)
        write_text(arguments.out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        out({"arena": made.id, "rows": len(rows), "file": str(arguments.out)}, arguments)
        return 0
    dataset = arena.to_dataset(workspace, made, arguments.name or "votes")
    out({"arena": made.id, "rows": dataset.meta["rows"], "dataset": dataset.name, "version": dataset.version}, arguments)  # fmt: skip
    return 0


def options(verbs: Any) -> None:
    """What it takes."""
    verb = verbs.add_parser("arena", help="new | list | show | vote | judge | export: a blind contest between models")
    verb.add_argument("action", choices=["new", "list", "show", "vote", "judge", "export"])
    verb.add_argument("names", nargs="*", metavar="RUN|MODEL|ARENA", help="new: contestants, the first is the anchor (base:RUN is a run's base); else the arena")  # fmt: skip
    verb.add_argument("--data", default="", metavar="DATASET", help="new: prompts from its conversations; else one per line on stdin")  # fmt: skip
    verb.add_argument("--rows", type=int, default=20, metavar="N", help="new: prompts at most")
    verb.add_argument("--url", default="", help="judge: an OpenAI-compatible address, https://host/v1 (key in WORKBENCH_JUDGE_KEY)")  # fmt: skip
    verb.add_argument("--model", default="", help="judge: its name")
    verb.add_argument("--prompt", type=Path, default=None, metavar="FILE", help="judge: another prompt, with {request} {a} {b}")  # fmt: skip
    verb.add_argument("--limited", action="store_true", help="judge: --rows pairs only")
    verb.add_argument("--name", default="", help="export: name of the dataset")
    verb.add_argument("--out", type=Path, default=None, metavar="FILE.jsonl", help="export: a file instead")


HANDLERS: dict[str, Callable[[Workspace, Arguments], int]] = {"arena": contest}
