"""Rows of the learner's own datasets, or of a sample, as texts and labels: few enough that a cheap model learns from them on the page."""

from __future__ import annotations

import random
from typing import Any

from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data import library, store
from workbench.data.clean import view_of
from workbench.data.convert import convert
from workbench.data.library import Dataset
from workbench.data.split import split
from workbench.models.tfidf import CJK

LOOKED_AT = 1600
"""Rows looked at: a seeded draw from a larger dataset."""
HELD_OUT = 0.25
SEED = 0
Pairs = list[tuple[str, str]]
Offered = list[tuple[Text | str, str]]


def offered(workspace: Workspace, *roles: str) -> Offered:
    """Datasets with a column for every one of these roles, the learner's own first: (name, name)."""
    found = [each for each in library.all_datasets(workspace) if set(roles) <= set(each.meta["roles"].values())]
    return [(each.name, each.name) for each in found]


def texts(workspace: Workspace, name: str) -> list[str]:
    """What the rows of a dataset say."""
    dataset = library.find(workspace, name)
    view = view_of(dataset)
    return [text for row in _drawn(dataset) if (text := view.text_of(row).strip())]


def labelled(workspace: Workspace, name: str, own: bool = False) -> tuple[Pairs, Pairs]:
    """(text, label) of training rows and of others: a seeded quarter of the training rows, or (`own`) those the dataset marks as held out.

    UserError when there are no labels.
    """
    dataset = library.find(workspace, name)
    if not {"text", "label"} <= set(dataset.meta["roles"].values()):
        raise UserError(
            f"Dataset “{name}” has no column of labels beside its texts; choose another, or give its columns roles on the Data page.",
            f"数据集“{name}”没有与文本对应的标签列；请换一个，或在“数据”页为列指定角色。",
            field="dataset",
        )
    roles = {column: role for column, role in dataset.meta["roles"].items() if role in ("text", "label", "split")}
    task = TASKS.get("text-classification")
    made = convert(_drawn(dataset), roles, dataset.meta["columns"], task)
    marked = (made.rows, made.heldout) if own and made.heldout else None
    train, heldout = marked or split(made.rows, HELD_OUT, SEED, task.stratify)
    return _pairs(train), _pairs(heldout)


def mixed(pairs: Pairs, seed: int = SEED) -> Pairs:
    """The same pairs in a seeded order."""
    return random.Random(seed).sample(pairs, len(pairs))


def vectors(said: list[str], others: list[str], most: int = 20_000) -> tuple[Any, Any, list[str]]:
    """(TF-IDF of `said`, of `others` by the words of `said`, the words); words and pairs, characters where a script writes no spaces."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    cjk = any(CJK.search(text) for text in said[:200])
    how: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (2, 3)} if cjk else {"ngram_range": (1, 2)}
    made = TfidfVectorizer(max_features=most, sublinear_tf=True, **how)
    try:
        return made.fit_transform(said), made.transform(others), list(made.get_feature_names_out())
    except ValueError as error:  # no word at all
        raise UserError(
            "These rows hold no words to learn from; choose another dataset.",
            "这些行里没有可供学习的词；请换一个数据集。",
            field="dataset",
        ) from error


def one_thread() -> Any:
    """A context in which arithmetic takes one core: a run may be training beside a lab."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def _drawn(dataset: Dataset) -> list[dict[str, Any]]:
    count = int(dataset.meta["rows"])
    if count <= LOOKED_AT:
        return dataset.rows()
    return store.take(dataset.table(), sorted(random.Random(SEED).sample(range(count), LOOKED_AT)))


def _pairs(rows: Any) -> Pairs:
    return [(row["text"], row["label"]) for row in rows]
