"""A registry finds its entries by looking into a package: one new file there adds one more choice everywhere."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any, Generic, Protocol, TypeVar

from workbench.core.errors import UserError, shorten
from workbench.core.text import Text


class Entry(Protocol):
    """What every registered thing can tell about itself."""

    @property
    def kind(self) -> str: ...
    @property
    def label(self) -> Text: ...


T = TypeVar("T", bound=Entry)


class Registry(Generic[T]):
    """Entries by kind, in the order of their `order` attribute. `package` is imported, module by module, on first use.

    The modules must be importable without torch: they import what is heavy inside their functions.
    """

    def __init__(self, noun: Text, package: str) -> None:
        self.noun = noun
        self.package = package
        self._entries: dict[str, T] = {}
        self._found = False

    def add(self, made: type[T]) -> type[T]:
        """Class decorator: register one instance of the class."""
        entry = made()
        if entry.kind in self._entries:
            raise ValueError(f"two entries of {self.package} are called {entry.kind}")
        self._entries[entry.kind] = entry
        return made

    def _discover(self) -> None:
        if self._found:
            return
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        self._entries = dict(sorted(self._entries.items(), key=lambda pair: (_order(pair[1]), pair[0])))
        self._found = True

    def all(self) -> list[T]:
        """Every entry, in order."""
        self._discover()
        return list(self._entries.values())

    def kinds(self) -> list[str]:
        """Every kind, in order."""
        return [entry.kind for entry in self.all()]

    def get(self, kind: str) -> T:
        """The entry called `kind`; UserError that lists the choices otherwise."""
        self._discover()
        if kind not in self._entries:
            choices = ", ".join(self._entries)
            raise UserError(
                f"There is no {self.noun.en} called “{shorten(kind)}”. Choose one of: {choices}.",
                f"没有名为“{shorten(kind)}”的{self.noun.zh}。可选：{choices}。",
                field=self.noun.en,
            )
        return self._entries[kind]


def _order(entry: Any) -> int:
    return int(getattr(entry, "order", 50))
