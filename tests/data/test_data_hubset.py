"""Datasets from a Hub on loopback: named sets, configurations, splits, limits, class names; and what is said when it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakehub import Hub

from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.data import hubset, intake, library
from workbench.models import modelscope


def put(hub: Hub, repo: str, path: str, rows: list[dict[str, Any]], names: dict[str, list[str]] | None = None) -> None:
    """A data file in a repository; `names`: columns whose numbers stand for names."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = hub.root / "datasets" / repo / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.endswith(".jsonl"):
        target.write_text("\n".join(map(json.dumps, rows)))
        return
    table = pa.Table.from_pylist(rows)
    if names:
        features = {column: {"names": each, "_type": "ClassLabel"} for column, each in names.items()}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, target)


def reviews(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"sentence": f"a fine film, number {n}", "label": n % 2, "idx": n} for n in range(start, start + count)]


def fetched(workspace: Workspace, *wish: Any, name: str = "mine") -> intake.Imported:
    return intake.ended(hubset.fetching(workspace, hubset.Wish(*wish), name))


@pytest.fixture
def glue(hub: Hub) -> Hub:
    names = {"label": ["negative", "positive"]}
    for split, count in (("train", 30), ("validation", 8)):
        put(hub, "nyu-mll/glue", f"sst2/{split}-00000-of-00001.parquet", reviews(count), names)
    put(hub, "nyu-mll/glue", "sst2/test-00000-of-00001.parquet", [{**row, "label": -1} for row in reviews(5)], names)
    put(hub, "nyu-mll/glue", "cola/train-00000-of-00001.parquet", reviews(4), names)
    return hub


def test_a_named_set_with_its_own_held_out_rows(workspace: Workspace, glue: Hub) -> None:
    made = fetched(workspace, "glue/sst2")
    train, held = made.dataset.task_rows(TASKS.get("text-classification"))
    assert (len(train), len(held or [])) == (30, 8)
    assert {row["label"] for row in train} == {"negative", "positive"}
    assert made.dataset.meta["roles"] == {"sentence": "text", "label": "label", "split": "split"}
    assert made.dataset.meta["steps"][0]["hub"] == "nyu-mll/glue"
    assert made.dataset.meta["steps"][0]["commit"]


def test_any_repository_in_any_format_and_at_most_so_many_rows(workspace: Workspace, hub: Hub) -> None:
    for part in (0, 1):
        put(hub, "ann/films", f"data/train-0000{part}-of-00002.parquet", reviews(20, part * 20))
    put(hub, "bo/films", "train.jsonl", reviews(9))
    assert fetched(workspace, "ann/films").dataset.meta["rows"] == 40
    asked = len(hub.requests)
    assert fetched(workspace, "ann/films", "", (), 5).dataset.meta["rows"] == 5
    assert sum("00001-of" in line for line in hub.requests[asked:]) == 0
    assert fetched(workspace, "bo/films").dataset.meta["format"] == "jsonl"


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (("nyu-mll/glue",), "cola, sst2"),
        (("nyu-mll/glue", "sst2", ("nothing",)), "test, train, validation"),
        (("pandas",), "owner/name"),
        (("../etc/passwd",), "owner/name"),
        (("nobody/nothing",), "does not exist"),
    ],
)
def test_what_is_wrong_is_said_with_what_there_is(
    workspace: Workspace, glue: Hub, wish: tuple[Any, ...], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        fetched(workspace, *wish)
    assert not library.versions(workspace, "mine")


@pytest.mark.parametrize("fault", [403, 500, "truncate"])
def test_a_failing_hub_leaves_nothing(workspace: Workspace, glue: Hub, fault: Any) -> None:
    glue.fault = fault
    with pytest.raises(UserError):
        fetched(workspace, "glue/sst2")
    assert list(workspace.datasets.iterdir()) == []


def test_refused_rows_of_a_hub_dataset_are_kept(workspace: Workspace, hub: Hub) -> None:
    put(hub, "cy/films", "train.jsonl", reviews(4))
    path = hub.root / "datasets/cy/films/train.jsonl"
    path.write_text(path.read_text() + '\n{"sentence": broken}\n')
    made = fetched(workspace, "cy/films")
    told = json.loads((made.dataset.folder / intake.REFUSED).read_text())
    assert (told["file"], told["line"], told["row"]) == ("cy/films", 5, '{"sentence": broken}')


def test_stopped_on_the_way_nothing_is_left(workspace: Workspace, glue: Hub) -> None:
    steps = hubset.fetching(workspace, hubset.Wish("glue/sst2"), "mine")
    assert 0 < next(steps) <= 1
    steps.close()
    assert list(workspace.datasets.iterdir()) == []


def test_every_named_set_has_a_task_and_its_roles() -> None:
    for name, known in hubset.NAMED.items():
        roles = {role.name for role in TASKS.get(known.task).roles}
        assert set(known.roles.values()) <= roles, name
        assert hubset.REPO.fullmatch(known.repo)


def test_on_the_command_line(tmp_path: Path, glue: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    from workbench.cli import main

    assert main(["--workspace", str(tmp_path / "w"), "data", "import", "glue/sst2", "--rows", "6", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["dataset"], told["rows"]) == ("glue-sst2", 12)


def test_a_dataset_comes_from_modelscope_too(workspace: Workspace, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modelscope, "HOSTS", {"127.0.0.1"})
    monkeypatch.setattr(modelscope, "PAGE", 2)  # the list comes in pages
    for split, count in (("train", 12), ("validation", 3), ("test", 2)):
        put(hub, "iic/films", f"data/{split}.jsonl", reviews(count))
    put(hub, "iic/other", "data/train.jsonl", reviews(1))
    made = fetched(workspace, "iic/films", "", ("train", "test"))
    assert made.dataset.meta["rows"] == 14
    assert made.dataset.meta["steps"][0]["commit"].startswith("master@")
    assert not any("/resolve/" in asked for asked in hub.requests)
    with pytest.raises(UserError, match="iic/gone"):
        fetched(workspace, "iic/gone")
    hub.fault, hub.only_files = "truncate", True
    with pytest.raises(UserError):
        fetched(workspace, "iic/films", name="cut")
    assert "cut" not in [item.name for item in library.all_datasets(workspace)]
