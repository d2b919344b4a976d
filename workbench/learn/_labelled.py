"""Labelled texts of a dataset, for labs that count or train on them: the workspace's own and the samples. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from workbench.core.errors import UserError
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.dataset import Dataset
from workbench.metrics._words import Words

FIRST = "sentiment-zh"
"""A sample that is always there."""
MOST = 2000
"""Rows that are looked at, at most: an answer comes within two seconds."""
LONGEST = 600
"""Characters of a text that count; what comes after them is left out."""


class Labelled(NamedTuple):
    """A text and its label."""

    text: str
    label: str


def choices(workspace: Workspace) -> list[tuple[Text | str, str]]:
    """Datasets with a text and a label: the workspace's own first, then the samples."""
    found = [each for each in library.all_datasets(workspace) if {"text", "label"} <= set(_roles(each))]
    own = [(each.name, each.name) for each in found if not each.sample]
    samples = [(Text(f"{each.name} (sample)", f"{each.name}（示例）"), each.name) for each in found if each.sample]
    return [*own, *samples]


def _roles(dataset: Dataset) -> dict[str, str]:
    """Role → column."""
    return {role: column for column, role in dataset.meta["roles"].items()}


def rows(workspace: Workspace, name: str, most: int = MOST) -> list[Labelled]:
    """The first labelled rows that are trained on; UserError when there are not two labels with ten rows each."""
    dataset = library.find(workspace, name or FIRST)
    roles = _roles(dataset)
    if not {"text", "label"} <= set(roles):
        raise UserError(
            f"“{dataset.name}” has no text with a label; choose another dataset, or give its columns these roles on the Data page.",
            f"“{dataset.name}”没有带标签的文本；请换一个数据集，或在数据页为列指定角色。",
            field="data",
        )
    split = roles.get("split")
    given = [row for row in dataset.rows(0, 4 * most) if split is None or str(row.get(split)) in ("train", "None", "")]
    made = [Labelled(str(row.get(roles["text"]) or "")[:LONGEST], str(row.get(roles["label"]) or "")) for row in given]
    return _enough([each for each in made if each.text and each.label][:most], dataset.name)


def _enough(found: list[Labelled], name: str) -> list[Labelled]:
    counts = sorted(sum(each.label == label for each in found) for label in {each.label for each in found})
    if len(counts) < 2 or counts[-2] < 10:
        raise UserError(
            f"“{name}” needs two labels with at least ten rows each for this.",
            f"“{name}”至少要有两个标签，且各有十行，才能做这个实验。",
            field="data",
        )
    return found


def trained(rows: Sequence[Labelled]) -> Any:
    """A small classifier of these rows: TF-IDF of one and two words (of Chinese: characters), then logistic regression; one thread."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(
        tokenizer=Words().tokenize, token_pattern=None, lowercase=False, ngram_range=(1, 2), sublinear_tf=True
    )
    made = make_pipeline(words, LogisticRegression(C=10, max_iter=200))
    return made.fit([each.text for each in rows], [each.label for each in rows])


def share(model: Any, rows: Sequence[Labelled]) -> float:
    """Of these rows, how many it gets right."""
    said = model.predict([each.text for each in rows])
    return float(sum(a == each.label for a, each in zip(said, rows, strict=True)) / len(rows))
