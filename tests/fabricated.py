"""Finished runs without training: answers made up, the report card by the workbench's own hand."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from workbench.core.events import EventWriter
from workbench.core.files import write_json
from workbench.core.recipe import parse
from workbench.core.run import Run, create
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.engine.report import build

CLASSES = TASKS.get("text-classification")
ROWS = [{"text": f"row {place} is {'fine' if place % 2 else 'poor'}", "label": "ab"[place % 2]} for place in range(60)]


def right(share: float) -> list[str]:
    """Right answers to the first rows, wrong ones to the rest."""
    return [row["label"] if place < share * len(ROWS) else "ba"["ab".index(row["label"])] for place, row in enumerate(ROWS)]  # fmt: skip


def said(answers: Sequence[str]) -> dict[str, Any]:
    """Answers as a classifier gives them, a little unsure."""
    chances = [[0.8, 0.2] if each == "a" else [0.3, 0.7] for each in answers]
    return {"labels": ["a", "b"], "chosen": list(answers), "scores": [max(row) for row in chances], "chances": chances}


def run(workspace: Workspace, before: Sequence[str], after: Sequence[str], rows: Sequence[Any] = ROWS, **settings: Any) -> Run:  # fmt: skip
    """A finished classifier that gave these answers; dotted settings change its recipe."""
    recipe = parse({"task": "text-classification", "method": "lora", "model": {"id": "lumo"}, "data": {"dataset": "sentiment-en"}})  # fmt: skip
    made = create(workspace, recipe.replace({name.replace("__", "."): value for name, value in settings.items()}))
    write_json(made.folder / "worker.json", {"pid": 1, "started": 1.0})
    material = SimpleNamespace(train=[{"text": "good", "label": "b"}, {"text": "bad", "label": "a"}] * 3, heldout=list(rows))  # fmt: skip
    session = SimpleNamespace(task=CLASSES, material=material, recipe=made.recipe, run=made, probes=[None], stage=SimpleNamespace(seconds=1.0), device="cpu")  # fmt: skip
    report = build(session, said(before), said(after), {"tokens_per_second": 1.0, "trainable": 1, "total": 10})
    write_json(made.result / "report.json", report)
    writer = EventWriter(made.events_path)
    writer.write("started", pid=1)
    for step in range(1, 6):
        writer.write("step", step=step, total=5, loss=1 / step, learning_rate=1e-4)
    writer.write("finished")
    writer.close()
    return made


def left(workspace: Workspace, name: str, losses: Sequence[float], *events: tuple[str, dict[str, Any]]) -> Run:
    """A run that lies there as if a worker had left it."""
    run = create(workspace, parse({"task": "text-classification", "method": "lora", "name": name, "model": {"id": "lumo"}, "data": {"dataset": "sentiment-zh"}}))  # fmt: skip
    (run.folder / "worker.json").write_text('{"pid": 1, "started": 1.0}')
    writer = EventWriter(run.events_path)
    writer.write("started", pid=1)
    for step, loss in enumerate(losses, 1):
        writer.write("step", step=step, total=len(losses), loss=loss, learning_rate=1e-4, grad_norm=1.0, seconds=float(step))  # fmt: skip
    for kind, facts in events:
        writer.write(kind, **facts)
    writer.close()
    return run
