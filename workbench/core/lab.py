"""A lab: one stop of the road map that can be touched. One file in workbench/learn/ per lab.

Its shape is always the same: guess → touch → see → break it → do it for real. What is computed is computed (`touch`), never canned;
what is done is read from the workspace (`done`), never ticked by hand.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from workbench.core.knob import Section
from workbench.core.picture import Picture
from workbench.core.registry import Registry
from workbench.core.text import Lang, Text
from workbench.core.workspace import Workspace

STOPS: dict[str, Text] = {
    "1.1": Text("Python", "Python 基础"),
    "1.2": Text("Mathematics", "数学基础"),
    "1.3": Text("Machine learning", "机器学习基础"),
    "2.1": Text("PyTorch", "PyTorch"),
    "2.2": Text("Transformers", "Transformers 库"),
    "3.1": Text("The Transformer", "Transformer 结构"),
    "3.2": Text("Pre-training and fine-tuning", "预训练与微调"),
    "4.1": Text("Data", "数据清洗与标注"),
    "4.2": Text("Tasks", "典型任务"),
    "4.3": Text("Evaluation and tuning", "评估与调优"),
    "5.1": Text("PEFT", "参数高效微调"),
    "5.2": Text("Many processes", "分布式训练"),
    "6": Text("Resources", "学习资源"),
    "7": Text("Projects", "项目实战"),
}
"""The road map, in order."""


@dataclass(frozen=True)
class Choice:
    """An answer to a guess, and what is right or wrong about it."""

    text: Text
    why: Text
    right: bool = False


@dataclass(frozen=True)
class Guess:
    """What is asked before anything is touched; just one choice is right."""

    ask: Text
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Break:
    """Settings at which the idea fails, and what to look for."""

    label: Text
    knobs: dict[str, Any]


@dataclass(frozen=True)
class Real:
    """Where the same is done for real: the tab that opens, and what is filled in there (dotted recipe paths) or chosen (a run)."""

    label: Text
    tab: str
    draft: dict[str, Any] = field(default_factory=dict)
    preset: str = ""
    """A preset that is filled in first."""
    run: str = ""


@dataclass(frozen=True)
class Trace:
    """What was really done: a sentence, and where it can be seen."""

    text: Text
    tab: str
    run: str = ""


@dataclass(frozen=True)
class Station:
    """One station of a guided project: an ordinary tab, with what came before filled in; `trace` is what was left there."""

    label: Text
    text: Text
    real: Real
    trace: Trace | None = None


class Lab(ABC):
    """One lab."""

    kind: ClassVar[str]
    stop: ClassVar[str]
    order: ClassVar[int] = 50
    label: ClassVar[Text]
    idea: ClassVar[tuple[Text, ...]]
    """A few short paragraphs, 60 words at most each."""
    guess: ClassVar[Guess]
    section: ClassVar[type[Section]] = Section
    """What can be touched: three knobs at most that matter at once."""
    breaks: ClassVar[Break | None] = None
    far: ClassVar[bool] = False
    """Whether `touch` needs torch and happens in the labs' own process."""
    source: ClassVar[str] = ""
    """Where to read on: a paper or a page, by name (and address)."""
    paper: ClassVar[Text | None] = None
    """What can be downloaded here, on its button."""

    @abstractmethod
    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        """What is seen at these settings. Anything on the page must answer in 2 s; UserError says what does not fit."""

    def choices(self, workspace: Workspace) -> dict[str, list[tuple[Text | str, str]]]:
        """For knobs that offer what the workspace holds: name → (label, value)."""
        return {}

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        """Whether enough was touched: settings now, and all those before."""
        return len(touched) >= 2

    def stations(self, knobs: Any, workspace: Workspace) -> list[Station]:
        """Of a guided project: its stations in order, as the workspace shows them now."""
        return []

    def written(self, workspace: Workspace, lang: Lang) -> tuple[str, str]:
        """(file name, text) of the `paper`; UserError when there is nothing to write yet."""
        raise NotImplementedError(self.kind)

    @abstractmethod
    def real(self, workspace: Workspace) -> Real:
        """Where it is done for real."""

    @abstractmethod
    def done(self, workspace: Workspace) -> Trace | None:
        """The artefact that shows it was done, if it is there."""


LABS: Registry[Lab] = Registry(Text("lab", "实验"), "workbench.learn")


def at(stop: str) -> Sequence[Lab]:
    """The labs of a stop, in order."""
    return [lab for lab in LABS.all() if lab.stop == stop]
