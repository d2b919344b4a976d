"""Label Studio's JSON export: choices become labels, labelled spans become words and tags; an unlabelled task keeps its data."""

from __future__ import annotations

import json
from typing import Any

from workbench.core.text import Text
from workbench.data.jsontext import CAUSES
from workbench.data.mode import pieces
from workbench.data.table import READERS, Reader, Source, Table, records_table

Result = list[dict[str, Any]]


@READERS.add
class LabelStudio(Reader):
    """Tasks with their annotations."""

    kind = "label_studio"
    label = Text("Label Studio", "Label Studio")
    order = 22
    extensions = ()

    def claims(self, source: Source) -> bool:
        """An array of objects with data and annotations."""
        start = source.text[:20000]
        return (
            start.lstrip().startswith("[")
            and '"annotations"' in start
            and '"data"' in start
            and _tasks(source.text) is not None
        )

    def read(self, source: Source) -> Table:
        """A row per task, by the first annotation that was not cancelled."""
        return records_table(source, [(1, _row(task)) for task in _tasks(source.text) or []], [], self.kind)


def _tasks(text: str) -> list[dict[str, Any]] | None:
    try:
        found = json.loads(text)
    except CAUSES:
        return None
    whole = isinstance(found, list) and all(
        isinstance(task, dict) and isinstance(task.get("data"), dict) for task in found
    )
    return found if whole else None


def _row(task: dict[str, Any]) -> dict[str, Any]:
    row = dict(task["data"])
    given = [each for each in task.get("annotations") or [] if isinstance(each, dict) and not each.get("was_cancelled")]
    results: Result = [each for each in (given[0].get("result") or [] if given else []) if isinstance(each, dict)]
    values = [each.get("value") or {} for each in results]
    for value in values:
        chosen = value.get("choices")
        if chosen:
            row["label"] = chosen[0] if len(chosen) == 1 else chosen
        if isinstance(value.get("rating"), (int, float)):
            row["score"] = value["rating"]
        if value.get("text") and not value.get("labels"):
            said = value["text"]
            row["response"] = said[0] if isinstance(said, list) else said
    spans = [value for value in values if value.get("labels") and isinstance(value.get("start"), int)]
    return {**row, **_tagged(row, spans)} if spans else row


def _tagged(row: dict[str, Any], spans: list[dict[str, Any]]) -> dict[str, Any]:
    """Words and tags; its places are UTF-16 units, as browsers count."""
    text = next(
        (value for value in row.values() if isinstance(value, str) and len(value) >= max(s["end"] for s in spans) // 2),
        "",
    )
    units = [0]
    for char in text:
        units.append(units[-1] + (2 if ord(char) > 0xFFFF else 1))
    found = pieces(text)
    tags = ["O"] * len(found)
    for span in sorted(spans, key=lambda each: each["start"]):
        inside = [
            place
            for place, (start, end, _) in enumerate(found)
            if units[start] >= span["start"] and units[end] <= span["end"]
        ]
        for number, place in enumerate(inside):
            tags[place] = f"{'I' if number else 'B'}-{span['labels'][0]}"
    return {"tokens": [each for _, _, each in found], "tags": tags}
