"""A search's memory: Optuna's journal in a file of its own, a line of JSON per operation, as careful as the event log.

Optuna's own file backend takes a lock that a killed process leaves behind, and glues the next line to a torn one. Here one process
writes (the searcher, held to be alone by its claim), any number read, and a torn line is skipped. Import this where it is needed only.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

FILE = "trials.jsonl"
NAME = "search"


class Journal(BaseJournalBackend):
    """The operations in a file; what was read once is kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: list[dict[str, Any]] = []
        self._offset = 0

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        """Whole operations from this number on."""
        if self.path.exists():
            with self.path.open("rb") as stream:
                stream.seek(self._offset)
                data = stream.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._offset += len(whole)
            self._known += [made for line in whole.splitlines() if (made := _operation(line)) is not None]
        return self._known[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """On disk before anything is done about it."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        with self.path.open("a+b") as stream:
            if stream.seek(0, os.SEEK_END):
                stream.seek(-1, os.SEEK_END)
                lines = lines if stream.read(1) == b"\n" else b"\n" + lines
            stream.write(lines)
            stream.flush()
            os.fsync(stream.fileno())


def _operation(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "op_code" in found else None


def opened(folder: Path) -> Any:
    """The study of a search, to be gone on with: more is better in it, whatever the metric."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = JournalStorage(Journal(folder / FILE))
    return optuna.create_study(storage=storage, study_name=NAME, direction="maximize", load_if_exists=True)


def looked_into(folder: Path) -> Any:
    """The study to read, or None where there is none yet."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        return optuna.load_study(storage=JournalStorage(Journal(folder / FILE)), study_name=NAME)
    except KeyError:
        return None
