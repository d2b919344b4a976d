"""The command line: the same doors as the page. Exit status 0 only when what was asked for happened; 2 for a refused input."""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path

from workbench import (
    commands,
    commands_ahead,
    commands_arena,
    commands_data,
    commands_evaluate,
    commands_export,
    commands_models,
    commands_runs,
    commands_search,
    commands_share,
)
from workbench.core.errors import UserError
from workbench.core.text import terminal_lang
from workbench.core.workspace import Workspace
from workbench.models import source

ROOMS = (commands, commands_ahead, commands_data, commands_runs, commands_search, commands_export, commands_evaluate, commands_arena, commands_models, commands_share)  # fmt: skip
"""Where verbs are at home."""
BENCHES = ["ui", "training", "worker", "busy", "forecast", "matrix", "nearby", "import", "pages", "history", "runs", "faults", "serve"]  # fmt: skip

LISTS = ["tasks", "methods", "metrics", "cleaning", "presets", "models", "exports", "labs"]


def parser() -> argparse.ArgumentParser:
    """Every verb and its options."""
    top = argparse.ArgumentParser(prog="workbench", description="Fine-tune language models on your own machine.")
    top.add_argument("--workspace", type=Path, default=None, help="folder for datasets, runs and models")
    verbs = top.add_subparsers(dest="verb", metavar="VERB")
    _ui(verbs.add_parser("ui", help="open the page"))
    _run(verbs.add_parser("run", help="train, evaluate, report"))
    _runs(
        verbs.add_parser(
            "runs",
            help="list | show | compare | report | follow | stop | cancel | pause | continue | resume | now | remove …",
        )
    )
    waiting = verbs.add_parser("queue", help="what waits for a device: show it, hold it, give it hours")
    waiting.add_argument("action", nargs="?", default="show", choices=["show", "hold", "go"])
    waiting.add_argument("--hours", default="", metavar="FROM-TO", help="go: only then, for instance 22:00-07:00")
    _data(
        verbs.add_parser(
            "data",
            help="import | list | show | profile | clean | steps | log | replay | undo | redo | save | back | split | diff | export",
        )
    )
    commands_evaluate.options(verbs)
    commands_arena.options(verbs)
    for name, about in (("inspect", "what the model will really see"), ("forecast", "memory and time before training"), ("anatomy", "what the method trains of the model")):  # fmt: skip
        _ahead(verbs.add_parser(name, help=about), name)
    commands_search.options(verbs)
    commands_export.options(verbs)
    commands_models.options(verbs)
    chat = verbs.add_parser("chat", help="talk to a run or model in the terminal")
    chat.add_argument("target", metavar="RUN|MODEL")
    chat.add_argument("--base", action="store_true", help="talk to the base model instead of the tuned one")
    _serve(verbs.add_parser("serve", help="serve a run or model, OpenAI-compatible"))
    _share(verbs.add_parser("share", help="a link for guests: chat with one run, for a while"))
    _users(verbs.add_parser("users", help="who can log in; add asks for a password (or takes WORKBENCH_PASSWORD)"))
    listing = verbs.add_parser("list", help="what there is to choose from")
    listing.add_argument("what", choices=LISTS)
    bench = verbs.add_parser("bench", help="side-by-side comparisons, printed as ratios")
    bench.add_argument("name", choices=BENCHES)
    bench.add_argument("more", nargs=argparse.REMAINDER, help="for the benchmark itself: --long, --rounds 3, --json …")
    verbs.add_parser("doctor", help="what this machine has")
    for verb in verbs.choices.values():
        verb.add_argument("--json", action="store_true", help="one JSON object as the last line of stdout")
        verb.add_argument(
            "--workspace", type=Path, default=argparse.SUPPRESS, help="folder for datasets, runs and models"
        )
    return top


def _serve(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("target", metavar="RUN|MODEL")
    verb.add_argument("--host", default="127.0.0.1", help="any other needs a key in WORKBENCH_SERVE_KEY")
    verb.add_argument("--port", type=int, default=8000)
    verb.add_argument("--slots", type=int, help="answers at once (16)")
    verb.add_argument("--queue", type=int, help="requests in hand at most; one more is told: busy (256)")
    verb.add_argument("--room", type=float, help="MB for results beside the base model (half of what is free)")


def _ui(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--host", default="127.0.0.1")
    verb.add_argument("--port", type=int, default=7860)
    verb.add_argument(
        "--share",
        nargs="?",
        const="last",
        metavar="RUN",
        help="also make a link to chat with a run (the newest): see share",
    )
    verb.add_argument("--lang", choices=["en", "zh"], default=None)
    verb.add_argument("--root-path", default="", metavar="/PATH", help="where a reverse proxy serves it")
    verb.add_argument("--allow-host", action="append", default=[], metavar="NAME", help="a name it is asked for by")


def _share(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "action", metavar="RUN|list|stop", help="a run to chat with; or the open links; or one to take back"
    )
    verb.add_argument("link", nargs="?", default="", metavar="LINK", help="stop: which; all of them if none is named")
    verb.add_argument("--hours", type=float, default=8.0, help="how long it lasts, at most 24")
    verb.add_argument("--runs", action="store_true", help="runs may be looked at, too")
    verb.add_argument("--place", choices=["here", "network", "tunnel"], default="here", help="who can reach it")
    verb.add_argument("--port", type=int, default=0)
    verb.add_argument("--root-path", default="", metavar="/PATH", help="where a reverse proxy serves it")


def _users(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("action", nargs="?", default="list", choices=["list", "add", "remove"])
    verb.add_argument("name", nargs="?", default="", metavar="NAME")


def _run(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("recipe", metavar="RECIPE.yaml|PRESET")
    verb.add_argument("--set", action="append", default=[], metavar="key=value", dest="settings")
    verb.add_argument("--detach", action="store_true", help="print the run id and leave it running")


def _ahead(verb: argparse.ArgumentParser, name: str) -> None:
    verb.add_argument("recipe", metavar="RECIPE.yaml|PRESET")
    verb.add_argument("--set", action="append", default=[], metavar="key=value", dest="settings")
    if name == "inspect":
        verb.add_argument("--rows", type=int, default=3, metavar="K")
    if name == "forecast":
        verb.add_argument("--quick", action="store_true", help="arithmetic only, no measured steps")


def _runs(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "action", choices=["list", "show", "follow", "remove", "compare", "report", *commands_runs.STEERED]
    )
    verb.add_argument("run", nargs="?", default="last", metavar="ID")
    verb.add_argument("others", nargs="*", default=[], metavar="ID", help="compare: the results beside the first")
    verb.add_argument(
        "--out", type=Path, default=None, metavar="FILE", help="report: .html (both languages, for print too) or .json"
    )


def _data(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "action",
        choices=[
            *("import", "list", "show", "profile", "clean", "steps", "back", "split", "diff", "export"),
            *("log", "replay", "undo", "redo", "save"),
        ],
    )
    verb.add_argument("path", nargs="?", metavar="PATH|NAME")
    verb.add_argument("target", nargs="?", type=Path, metavar="FILE", help="export: .jsonl, .csv, .parquet or .xlsx")
    verb.add_argument("--config", default="", help="import from the Hub: which configuration")
    verb.add_argument(
        "--split", default="", metavar="A,B", help="import from the Hub: train and validation unless named"
    )
    verb.add_argument(
        "--rows", type=int, default=0, metavar="N", help="import from the Hub: at most so many of each split"
    )
    verb.add_argument("--way", default="stratified", choices=["stratified", "random", "grouped", "time"], help="split")
    verb.add_argument("--by", default="", metavar="COLUMN", help="split: the column of groups or of time")
    verb.add_argument("--share", type=float, default=0.0, help="split: 0 is 5 %%, 16 to 2,000 rows")
    verb.add_argument("--seed", type=int, default=42)
    verb.add_argument(
        "--against", type=int, default=0, metavar="N", help="diff: the earlier version; 0 is the one before"
    )
    verb.add_argument(
        "--steps",
        type=Path,
        default=None,
        metavar="FILE.json",
        help="clean, replay: the steps, or the log, to do again",
    )
    verb.add_argument("--as", dest="form", default="json", choices=["json", "pandas"], help="log: how it is printed")
    verb.add_argument("--dry-run", action="store_true", help="clean, replay: say what each step would do, save nothing")
    verb.add_argument("--version", type=int, default=0, metavar="N", help="0 is the newest")
    verb.add_argument("--name", default=None)
    verb.add_argument("--role", action="append", default=[], metavar="column=role")


def _speak() -> None:
    """A terminal that cannot write a sign gets another in its place; programs that are started from here write UTF-8."""
    os.environ.setdefault("PYTHONUTF8", "1")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def main(argv: list[str] | None = None) -> int:
    """Run one verb; a UserError becomes one sentence on stderr and exit status 2."""
    _speak()
    arguments = parser().parse_args(argv)
    if not arguments.verb:
        parser().print_help()
        return 2
    try:
        handlers = {name: handler for room in ROOMS for name, handler in room.HANDLERS.items()}
        workspace = Workspace(arguments.workspace)
        source.apply(workspace)
        return handlers[arguments.verb](workspace, arguments)
    except UserError as error:
        print(error.say(terminal_lang()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
