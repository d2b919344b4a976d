"""Encoded rows are kept on disk: the same ones come back, another cause gives another key, a torn file is made again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matrix
import pytest

from workbench.core.method import METHODS
from workbench.core.task import TASKS, Encoded
from workbench.core.text import Text
from workbench.engine import tokens
from workbench.models.loading import load_tokenizer

matrix_quiet = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")


def made(calls: list[int]) -> Encoded:
    calls.append(1)
    rows = [{"input_ids": [1, 2, index], "attention_mask": [1, 1, 1], "labels": [-100, 2, index]} for index in range(5)]
    return Encoded(rows, [0, 1, 2, 3, 5], 2, [Text("one note", "一条说明")])


def test_the_second_time_comes_from_disk(tmp_path: Path) -> None:
    calls: list[int] = []
    first = tokens.encoded(tmp_path, "key", tokens.WORTH, lambda: made(calls))
    second = tokens.encoded(tmp_path, "key", tokens.WORTH, lambda: made(calls))
    assert first == second
    assert len(calls) == 1
    (tmp_path / "key.parquet").write_bytes(b"torn")
    assert tokens.encoded(tmp_path, "key", tokens.WORTH, lambda: made(calls)) == first
    assert len(calls) == 2


def test_few_rows_are_not_kept(tmp_path: Path) -> None:
    tokens.encoded(tmp_path, "key", tokens.WORTH - 1, lambda: made([]))
    assert not list(tmp_path.iterdir())


@pytest.fixture
def talk(tmp_path: Path) -> Any:
    """A session over the sample of conversations, at a length at which no answer begins; its events are a list."""
    recipe = matrix.recipe_of(TASKS.get("chat"), METHODS.get("lora"), "llama").replace({"task.max_length": 8})
    told: list[tuple[str, Any]] = []
    stage = SimpleNamespace(write=lambda kind, **facts: told.append((kind, facts)))
    folder = matrix.model_folder("llama")
    rows, tokenizer = list(matrix.rows("chat"))[:20], load_tokenizer(folder)
    return SimpleNamespace(recipe=recipe, task=TASKS.get("chat"), material=SimpleNamespace(train=rows), tokenizer=tokenizer, model=None, folder=folder, stage=stage, told=told)  # fmt: skip


@matrix_quiet
def test_where_no_answer_fits_the_length_that_would_do_is_told(talk: Any) -> None:
    error = tokens.nothing_left(talk)
    kind, facts = talk.told[-1]
    assert (kind, error.field) == ("lengths", "task.max_length")
    section = talk.recipe.replace({"task.max_length": facts["needed"]}).task
    assert facts["empty"] == 0
    assert len(talk.task.encode(talk.material.train, talk.tokenizer, section, None).inputs) == facts["rows"] == 20
    assert 8 < facts["needed"] <= facts["context"]


@matrix_quiet
def test_where_all_answers_are_empty_no_length_is_offered(talk: Any) -> None:
    talk.material.train = [{"messages": [{"role": "user", "content": "Hello"}]}] * 3
    assert tokens.nothing_left(talk).field == "data.roles"
    assert talk.told[-1][1]["empty"] == 3


def test_old_ones_go(tmp_path: Path) -> None:
    for index in range(tokens.KEPT + 3):
        tokens.encoded(tmp_path, f"key{index}", tokens.WORTH, lambda: made([]))
    assert len(list(tmp_path.glob("*.parquet"))) == tokens.KEPT


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
def test_the_key_changes_with_rows_settings_labels_and_tokenizer(tmp_path: Path) -> None:
    from transformers import AutoConfig

    task = TASKS.get("text-classification")
    section, rows = matrix.recipe_of(task, METHODS.get("lora"), "bert").task, list(matrix.rows(task.kind))
    folder = matrix.save_family("bert", tmp_path / "bert")

    def key(rows: Any = rows, section: Any = section, **labels: Any) -> str:
        return tokens.key_of(rows, section, AutoConfig.from_pretrained(folder, **labels), folder)

    first = key()
    assert key() == first
    others = {key(rows[1:]), key(section=section.model_copy(update={"max_length": 33})), key(num_labels=5)}
    (folder / "tokenizer_config.json").write_text("{}")
    assert len({first, *others, key()}) == 5
