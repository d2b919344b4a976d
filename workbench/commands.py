"""What each verb of the command line does. Results go to stdout, words about them to stderr when --json is asked for."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from workbench.core import preset, recipe, run
from workbench.core.errors import UserError, shorten
from workbench.core.events import Event
from workbench.core.run import ENDED, Run
from workbench.core.text import Lang, Text, terminal_lang
from workbench.core.workspace import Workspace

Arguments = argparse.Namespace


def out(value: Any, arguments: Arguments) -> None:
    """The answer: one JSON line, or readable lines."""
    if arguments.json:
        print(json.dumps(value, ensure_ascii=False, default=str), flush=True)
        return
    for row in value if isinstance(value, list) else [value]:
        print(
            "  ".join(f"{key}={_short(item)}" for key, item in row.items()) if isinstance(row, dict) else row,
            flush=True,
        )


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else shorten(value, 120)


def ui(workspace: Workspace, arguments: Arguments) -> int:
    """Open the page."""
    from workbench.door.link import Terms
    from workbench.door.wire import mounted
    from workbench.ui.app import Door, serve
    from workbench.ui.guest import process

    def shared() -> None:
        if arguments.share:
            try:
                told = process.share(workspace, arguments.share, Terms(place="tunnel"))
                print("Link · 链接  " + "  ".join(told["urls"]), flush=True)
            except UserError as error:
                print(error.say(terminal_lang()), file=sys.stderr, flush=True)

    door = Door(
        arguments.host, arguments.port, arguments.lang, os.environ.get("WORKBENCH_PASSWORD"),
        mounted(arguments.root_path), tuple(arguments.allow_host),
    )  # fmt: skip
    serve(workspace, door, shared)
    return 0


def train(workspace: Workspace, arguments: Arguments) -> int:
    """Start a run and follow it to its end (or leave it with --detach)."""
    from workbench.engine import supervisor

    chosen = recipe.with_settings(preset.find(arguments.recipe), arguments.settings)
    made = supervisor.start(workspace, chosen)
    print(made.id, flush=True)
    if arguments.detach:
        return 0
    return finish(workspace, made, arguments)


def finish(workspace: Workspace, made: Run, arguments: Arguments) -> int:
    from workbench.engine import supervisor

    try:
        _follow(made, sys.stderr, lambda: supervisor.launch_next(workspace))
    except KeyboardInterrupt:
        supervisor.stop(made)
        print("stopping: saving what is there · 正在停止并保存", file=sys.stderr)
        _follow(made, sys.stderr, lambda: None)
    status, report = made.status, made.report or {}
    answer = {
        "run": made.id,
        "status": status,
        "metrics": report.get("after", {}),
        "before": report.get("before", {}),
        "baseline": _best_baseline(report),
        "seconds": report.get("seconds"),
        "peak_memory_mb": report.get("peak_memory_mb"),
        "tokens_per_second": report.get("tokens_per_second"),
    }
    out(answer, arguments)
    return 0 if status in ("finished", "stopped") else 2 if _user_error(made) else 1


def _best_baseline(report: dict[str, Any]) -> dict[str, float]:
    main, scores = report.get("main_metric", ""), report.get("baseline", {})
    return dict(max(scores.values(), key=lambda item: item.get(main, 0.0), default={}))


def _user_error(made: Run) -> bool:
    events, _ = made.events()
    return any(event.kind == "failed" and event.get("field") for event in events)


def _follow(made: Run, stream: Any, nudge: Callable[[], Any]) -> None:
    """Print events in words until the run has ended. `nudge` starts a queued run when its turn comes."""
    offset, lang, shown = 0, terminal_lang(), 0.0
    while True:
        status = made.status
        events, offset = made.events(offset)
        for event in events:
            text = describe(event, lang)
            if event.kind == "step" and time.monotonic() - shown < 1 and event.get("step") != event.get("total"):
                continue
            if text:
                print(text, file=stream, flush=True)
                shown = time.monotonic()
        if status in ENDED and not events:
            return
        if status == "queued":
            nudge()
        time.sleep(0.2)


def describe(event: Event, lang: Lang) -> str:
    """One line of text for an event, empty for those not worth a line."""
    if event.kind == "step":
        return f"  {event.get('step')}/{event.get('total')}  loss {event.get('loss')}  lr {event.get('learning_rate')}"
    if event.kind == "phase":
        return f"[{event.get('phase')}]"
    if event.kind in ("note", "failed"):
        return Text(str(event.get("en", "")), str(event.get("zh", ""))).say(lang)
    if event.kind == "download" and event.get("total"):
        return f"  {event.get('done', 0) / 1e6:.1f} / {event.get('total', 0) / 1e6:.1f} MB"
    if event.kind in ("eval", "data", "model"):
        return f"  {event.kind}: " + ", ".join(f"{key} {value}" for key, value in event.facts.items())
    return event.kind if event.kind in ("finished", "stopped") else ""


def chat(workspace: Workspace, arguments: Arguments) -> int:
    """A conversation in the terminal, one line a turn; an empty line ends it."""
    from workbench.serve import client

    chosen = target(workspace, arguments.target)
    endpoint = client.ensure(workspace, chosen)
    side = "base" if arguments.base else client.name_of(chosen)
    messages: list[dict[str, str]] = []
    for line in sys.stdin:
        if not line.strip():
            break
        messages.append({"role": "user", "content": line.strip()})
        answer = ""
        for piece in client.chat(endpoint, side, messages, temperature=0.0, max_tokens=128):
            answer += piece
            print(piece, end="", flush=True)
        print(flush=True)
        messages.append({"role": "assistant", "content": answer})
    client.shutdown(workspace)
    return 0


def _is_run(workspace: Workspace, name: str) -> bool:
    try:
        return bool(run.find(workspace, name))
    except UserError:
        return False


def target(workspace: Workspace, name: str) -> Run | str:
    """A run where there is one of that id, else a model id."""
    return run.find(workspace, name) if _is_run(workspace, name) else name


def serve(workspace: Workspace, arguments: Arguments) -> int:
    """Serve in the foreground until interrupted; off loopback with the key in WORKBENCH_SERVE_KEY."""
    kind = "--run" if _is_run(workspace, arguments.target) else "--model"
    name = run.find(workspace, arguments.target).id if kind == "--run" else arguments.target
    state = workspace.root / "serve" / f"foreground-{os.getpid()}.json"
    state.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "workbench.serve.server", "--workspace", str(workspace.root), kind, name]
    command += ["--state", str(state), "--host", arguments.host, "--port", str(arguments.port), "--idle", "0"]
    for option in ("slots", "queue", "room"):
        if getattr(arguments, option) is not None:
            command += [f"--{option}", str(getattr(arguments, option))]
    os.execv(sys.executable, command)


def listing(workspace: Workspace, arguments: Arguments) -> int:
    """What there is to choose from: kind and label in both languages."""
    from workbench.core.lab import LABS
    from workbench.core.method import METHODS
    from workbench.core.metric import METRICS
    from workbench.core.task import TASKS
    from workbench.data.step import CLEANING
    from workbench.engine.taking import EXPORTS
    from workbench.models.catalog import STARTERS

    kinds: dict[str, Any] = {
        "tasks": TASKS.all, "methods": METHODS.all, "metrics": METRICS.all,
        "cleaning": CLEANING.all, "presets": preset.all_presets, "models": lambda: STARTERS, "exports": EXPORTS.all,
        "labs": LABS.all,
    }  # fmt: skip
    out(
        [{"kind": item.kind, "label": {"en": item.label.en, "zh": item.label.zh}} for item in kinds[arguments.what]()],
        arguments,
    )
    return 0


def bench(workspace: Workspace, arguments: Arguments) -> int:
    """Run one of tests/benchmarks and print its ratios."""
    from workbench import ROOT

    script = ROOT / "tests" / "benchmarks" / f"{arguments.name}.py"
    if not script.is_file():
        raise UserError("Benchmarks come with the source tree only.", "基准测试只随源码提供。")
    os.execv(sys.executable, [sys.executable, str(script), *arguments.more, *(["--json"] if arguments.json else [])])


def doctor(workspace: Workspace, arguments: Arguments) -> int:
    """Versions, cores, memory, GPU, starter models."""
    from workbench.engine.doctor import examine

    out(examine(workspace), arguments)
    return 0


HANDLERS: dict[str, Callable[[Workspace, Arguments], int]] = {
    "ui": ui,
    "run": train,
    "chat": chat,
    "serve": serve,
    "list": listing,
    "bench": bench,
    "doctor": doctor,
}
