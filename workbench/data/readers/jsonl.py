"""JSON lines: one object per line. A broken line is refused with its number, the others are kept."""

from __future__ import annotations

import re
from typing import Any

from workbench.core.errors import shorten
from workbench.core.text import Text
from workbench.data.jsontext import CAUSES, DECODER, broken, skip_blank
from workbench.data.table import READERS, Reader, Refused, Source, Table, records_table

_LINES = re.compile(r"\r\n|\n|\r")
PROBE = 20


@READERS.add
class JsonLines(Reader):
    """One JSON object per line; also common under the name .json."""

    kind = "jsonl"
    label = Text("JSON lines", "JSON Lines")
    order = 20
    extensions = (".jsonl", ".ndjson", ".json")

    def claims(self, source: Source) -> bool:
        """Most of the first lines are objects of their own, or were meant to be."""
        lines = _head(source.text)
        if not lines or lines[0].startswith("["):
            return False
        meant = sum(line.startswith("{") and line.endswith("}") for line in lines)
        if len(lines) == 1:
            return bool(meant) and source.suffix in (".jsonl", ".ndjson")
        return meant * 2 >= len(lines) and any(len(line) > 2 for line in lines if line.startswith("{"))

    def read(self, source: Source) -> Table:
        """Every whole line; the broken ones are told."""
        records: list[tuple[int, Any]] = []
        refused: list[Refused] = []
        for number, line in enumerate(_LINES.split(source.text), start=1):
            if not line.strip():
                continue
            try:
                records.append((number, _parse(line)))
            except CAUSES as error:
                reason, quoted = broken(error), shorten(line.strip(), 40)
                refused.append(Refused(number, Text(f"{reason.en}: {quoted}", f"{reason.zh}：{quoted}")))
        return records_table(source, records, refused, self.kind)


def _parse(line: str) -> Any:
    line = line.strip()
    value, end = DECODER.raw_decode(line)
    if skip_blank(line, end) < len(line):
        return DECODER.decode(line)  # raises “Extra data” with its column
    return value


def _head(text: str) -> list[str]:
    """The first lines that are not blank, found without splitting the whole text."""
    lines: list[str] = []
    start = 0
    while start < len(text) and len(lines) < PROBE:
        found = _LINES.search(text, start)
        end = found.start() if found else len(text)
        if line := text[start:end].strip():
            lines.append(line)
        start = found.end() if found else len(text)
    return lines
