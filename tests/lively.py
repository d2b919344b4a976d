"""A workspace in use, without training: a dataset, two finished classifiers, a chat run somebody talked with."""

from __future__ import annotations

from fabricated import right, run

from workbench.core.events import EventWriter
from workbench.core.recipe import parse
from workbench.core.run import Run, create
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.table import Table
from workbench.serve import talk


def filled(workspace: Workspace) -> None:
    """Everything."""
    rows = [{"text": f"The {place}th lamp burns {'bright' if place % 3 else 'dim'} tonight, as it should.", "label": "ab"[place % 2]} for place in range(40)]  # fmt: skip
    library.save(workspace, "lamps", Table(["text", "label"], rows, format="csv", encoding="utf-8"), {"text": "text", "label": "label"})  # fmt: skip
    talked(workspace)
    run(workspace, right(0.4), right(0.5), name="poor")
    run(workspace, right(0.4), right(0.9), name="good", training__learning_rate=1e-3)


def talked(workspace: Workspace) -> Run:
    """A finished chat run somebody has talked with."""
    made = create(workspace, parse({"task": "chat", "method": "lora", "name": "voice", "model": {"id": "lumo"}, "data": {"dataset": "persona"}}))  # fmt: skip
    made.tuned.mkdir(parents=True)
    writer = EventWriter(made.events_path)
    writer.write("started", pid=1)
    for step in range(1, 41):
        writer.write("step", step=step, total=40, loss=3 / step + 0.4, learning_rate=1e-4 * (1 - step / 40), seconds=float(step))  # fmt: skip
        if step % 10 == 0:
            writer.write("eval", step=step, loss=3 / step + 0.6)
    writer.write("finished", seconds=40.0)
    writer.close()
    (made.folder / "worker.json").write_text('{"pid": 1, "started": 1.0}', encoding="utf-8")
    said = talk.Talk.begun(made.id, talk.CHAT, ["base", made.id])
    said.ask("Who are you?")
    said.add("base", said.pane("base")["head"], "assistant", "I am a small model without a name.", seconds=0.6)
    said.add(made.id, said.pane(made.id)["head"], "assistant", "I am Lumo, and I live on a lighthouse.", seconds=0.5)
    talk.save(workspace, said)
    return made
