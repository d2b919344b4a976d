"""Saved datasets are versions that never change; a failed import leaves nothing behind; samples are datasets too."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import workbench
from workbench.core.errors import UserError
from workbench.core.task import Task
from workbench.core.workspace import Workspace
from workbench.data import library, store
from workbench.data.intake import import_file
from workbench.data.library import all_datasets, find, save
from workbench.data.table import Table

Put = Callable[..., Path]
CSV = "text,label\ngood,1\nbad,0\n"


def files(workspace: Workspace) -> list[str]:
    return sorted(str(path.relative_to(workspace.datasets)) for path in workspace.datasets.rglob("*"))


def test_an_import_is_saved_and_found_again(workspace: Workspace, put: Put) -> None:
    made = import_file(workspace, put("a.csv", CSV), "mine")
    found = find(workspace, "mine")
    assert found == made.dataset
    assert found.rows() == [{"text": "good", "label": "1"}, {"text": "bad", "label": "0"}]
    assert files(workspace) == ["mine", "mine/v0001", "mine/v0001/meta.json", "mine/v0001/rows.arrow"]
    assert {"rows", "columns", "roles", "format", "encoding", "sha256", "steps"} <= set(found.meta)


def test_the_facts_are_those_of_the_command_line(workspace: Workspace, put: Put) -> None:
    lines = [json.dumps({"text": text, "label": "1"}) for text in ("a", "", "b", "c")]
    facts = import_file(workspace, put("a.jsonl", "\n".join([*lines, "{"])), "mine").facts()
    assert [item["line"] for item in facts["refused"]] == [2, 5]
    assert "text is empty" in facts["refused"][0]["reason"]
    assert (facts["dataset"], facts["version"], facts["rows"], facts["format"]) == ("mine", 1, 3, "jsonl")
    assert facts["roles"] == {"text": "text", "label": "label"}
    json.dumps(facts)


def test_the_same_name_makes_the_next_version_and_leaves_the_first(workspace: Workspace, put: Put) -> None:
    first = import_file(workspace, put("a.csv", CSV), "mine").dataset
    before = (first.folder / "rows.arrow").read_bytes()
    second = import_file(workspace, put("b.csv", CSV + "fine,1\n"), "mine").dataset
    third = import_file(workspace, put("c.csv", CSV), "mine").dataset
    assert [first.version, second.version, third.version] == [1, 2, 3]
    assert (first.folder / "rows.arrow").read_bytes() == before
    assert first.meta["sha256"] == third.meta["sha256"] != second.meta["sha256"]
    assert [len(find(workspace, "mine", version).rows()) for version in (0, 1, 2)] == [2, 2, 3]
    assert [dataset.version for dataset in all_datasets(workspace) if dataset.name == "mine"] == [3]


def test_imports_at_the_same_time_get_versions_of_their_own(workspace: Workspace, put: Put) -> None:
    path = put("a.csv", CSV)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: import_file(workspace, path, "mine").dataset.version, range(8)))
    assert sorted(made) == list(range(1, 9))


@pytest.mark.parametrize("content", [b"", b"text,label\n", b"[{", b"text,label\n ,1\n ,0\n"])
def test_a_failed_import_leaves_nothing(workspace: Workspace, put: Put, content: bytes) -> None:
    with pytest.raises(UserError):
        import_file(workspace, put("a.csv", content), "mine")
    assert files(workspace) == []


def test_rows_that_cannot_teach_the_task_are_refused_before_saving(
    workspace: Workspace, put: Put, classification: Task
) -> None:
    with pytest.raises(UserError, match="needs a column for: label"):
        import_file(workspace, put("a.csv", CSV), "mine", {"text": "text"}, classification)
    assert files(workspace) == []


def test_rows_without_a_label_are_kept_and_told(workspace: Workspace, put: Put) -> None:
    made = import_file(workspace, put("a.csv", "text,label\na,x\nb,\nc,y\nd,x\n"), "mine")
    assert made.dataset.meta["rows"] == 4
    assert any("1 rows have no label (the first in line 3)" in warning.en for warning in made.warnings)


def test_columns_that_show_no_task_are_told(workspace: Workspace, put: Put) -> None:
    made = import_file(workspace, put("a.jsonl", '{"x": 1}\n{"x": 2}\n'), "mine")
    assert made.dataset.meta["task"] is None
    assert any("which column has which role" in warning.en for warning in made.warnings)


def test_a_failed_write_leaves_nothing(workspace: Workspace, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, columns: Any, rows: Any) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write", full)
    with pytest.raises(UserError, match="No space left"):
        import_file(workspace, put("a.csv", CSV), "mine")
    assert files(workspace) == []


@pytest.mark.parametrize("name", ["../x", "/etc", "", ".hidden", "a/b", "nul"])
def test_names_that_leave_the_workspace_are_refused(workspace: Workspace, put: Put, name: str) -> None:
    with pytest.raises(UserError):
        import_file(workspace, put("a.csv", CSV), name)
    with pytest.raises(UserError):
        find(workspace, name)


def test_unknown_names_versions_and_columns(workspace: Workspace, put: Put) -> None:
    import_file(workspace, put("a.csv", CSV), "mine")
    with pytest.raises(UserError, match=r"“yours”.*mine"):
        find(workspace, "yours")
    with pytest.raises(UserError, match="no version 7; it has: 1"):
        find(workspace, "mine", 7)
    with pytest.raises(UserError, match="no column “txt”"):
        import_file(workspace, put("a.csv", CSV), "other", {"txt": "text"})


NESTED = [
    {"m": [{"role": "user", "content": "hi"}], "mixed": 1, "huge": 10**30, "empty": {}, "none": None},
    {"m": [{"role": "assistant", "content": "yo"}], "mixed": "two", "huge": 1, "empty": {}, "none": None},
]


def test_nested_and_mixed_values_survive(workspace: Workspace) -> None:
    rows = save(workspace, "odd", Table(list(NESTED[0]), NESTED), {}).rows()
    assert [row["m"] for row in rows] == [row["m"] for row in NESTED]
    assert [row["mixed"] for row in rows] == ["1", "two"]
    assert [row["huge"] for row in rows] == [str(10**30), "1"]
    assert rows[0]["none"] is None


@pytest.mark.parametrize(("offset", "limit"), [(0, None), (0, 3), (4998, 5), (9999, 10), (12000, 3), (20000, 1)])
def test_a_page_of_rows(workspace: Workspace, offset: int, limit: int | None) -> None:
    rows = [{"n": number} for number in range(12001)]
    page = save(workspace, "many", Table(["n"], rows), {}).rows(offset, limit)
    assert page == rows[offset : None if limit is None else offset + limit]


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "assets" / "samples" / "tiny-sample"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text('{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n')
    (folder / "heldout.jsonl").write_text('{"text": "c", "label": "x"}\n')
    monkeypatch.setattr(workbench, "ASSETS", tmp_path / "assets")
    return "tiny-sample"


def test_a_sample_is_a_dataset_with_its_own_heldout_rows(
    workspace: Workspace, sample: str, classification: Task
) -> None:
    found = find(workspace, sample)
    train, heldout = found.task_rows(classification, None)
    assert train == [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]
    assert heldout == [{"text": "c", "label": "x"}]
    assert found.task_rows(classification, {"text": "text", "label": "label"}) == (train, heldout)
    assert found.sample
    assert (found.meta["rows"], found.version) == (3, 1)
    assert find(workspace, sample, found.version) == found
    assert found.rows(2, 5) == [{"text": "c", "label": "x", "split": "validation"}]
    assert [dataset.name for dataset in all_datasets(workspace)] == [sample]


def test_a_samples_name_is_taken(workspace: Workspace, sample: str, put: Put) -> None:
    with pytest.raises(UserError, match="bundled sample"):
        import_file(workspace, put("a.csv", CSV), sample)


def test_no_samples_is_no_error(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbench, "ASSETS", tmp_path / "absent")
    assert all_datasets(workspace) == library.samples() == []


def test_a_damaged_version_is_told_and_does_not_hide_the_others(workspace: Workspace, put: Put) -> None:
    import_file(workspace, put("a.csv", CSV), "good")
    broken = import_file(workspace, put("a.csv", CSV), "broken").dataset
    (broken.folder / "meta.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        find(workspace, "broken")
    assert "good" in [dataset.name for dataset in all_datasets(workspace)]


def test_importing_the_room_imports_nothing_heavy() -> None:
    script = (
        "import sys, workbench.data.library, workbench.data.profile, workbench.data.split, workbench.data.readers as r; "
        "r.READERS.all(); "
        "print([m for m in ('torch', 'transformers', 'datasets', 'pandas', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
