"""What takes room: all of it is counted, whoever put it there."""

from __future__ import annotations

from workbench.core.workspace import Workspace
from workbench.engine import janitor


def test_the_rooms_add_up_to_the_workspace(workspace: Workspace) -> None:
    for name in ("searches/a/trials.jsonl", "shootouts/b/table.json", "serve/state.json", "mlflow.db", "datasets/c/1", "models/d/w", "cache/tokens/e"):  # fmt: skip
        path = workspace.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 1000)
    found = janitor.rooms(workspace)
    assert sum(room.size for room in found) == janitor.size(workspace.root)
    assert {"searches", "shootouts", "serve", "mlflow.db"} <= {room.name for room in found if room.kind == "rest"}
    assert [room.kind for room in found if room.spare] == ["cache"]
