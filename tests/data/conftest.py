"""Two tasks as small as the data room needs them, and a short way to write a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.core.task import Role, Task
from workbench.core.text import Text

NOTHING = Text("", "")


class Stub(Task):
    """Only what data/ asks of a task; models and tensors are none of its business."""

    def __init__(self, kind: str, *roles: Role) -> None:
        self.kind, self.roles, self.label = kind, roles, Text(kind, kind)  # type: ignore[misc]


Stub.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]


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
