"""Two tasks as small as the data room needs them, and a short way to write a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from workbench.core.task import Role, Row, Task
from workbench.core.text import Text

NOTHING = Text("", "")


class Stub(Task):
    """Only what data/ asks of a task."""

    def __init__(self, kind: str, *roles: Role) -> None:
        self.kind, self.roles, self.label = kind, roles, Text(kind, kind)  # type: ignore[misc]

    def check(self, rows: Sequence[Row]) -> None: ...

    def encode(self, rows: Any, tokenizer: Any, section: Any, model: Any) -> list[dict[str, Any]]:
        return []

    def collator(self, tokenizer: Any) -> Any: ...

    def evaluate(self, judge: Any) -> Any: ...


@pytest.fixture
def classification() -> Task:
    return Stub(
        "text-classification",
        Role("text", NOTHING, NOTHING),
        Role("text_pair", NOTHING, NOTHING, required=False),
        Role("label", NOTHING, NOTHING),
    )


@pytest.fixture
def chat() -> Task:
    return Stub("chat", Role("messages", NOTHING, NOTHING))


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """put("a.csv", "text,label\\n…", encoding) → path."""

    def write(name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write
