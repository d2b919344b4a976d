"""A cleaning step: rows in, rows out, and what happened to each. Steps are data: a list of them replays on any table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import ValidationError

from workbench.core.errors import UserError, shorten
from workbench.core.knob import Section, explain, knob
from workbench.core.registry import Registry
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data.chat import turns
from workbench.data.names import HELD_OUT, normal
from workbench.data.values import as_text

Row = dict[str, Any]
EXAMPLES = 20
"""Changed and dropped rows that are shown of one step."""
COUNTS = ("before", "after", "changed", "dropped", "added")
"""What is kept of an effect beside the step itself."""
NOTHING_LEFT = Text("nothing is left of its text", "文字已没有剩余")
SAID = ("content", "value")
"""Where a turn of a conversation holds its words."""


class StepSection(Section):
    """The knobs every step shares."""

    kind: str
    columns: str = knob(
        "",
        Text("Columns", "列"),
        Text(
            "Names separated by commas. Empty: the columns that are read or answered.",
            "列名，以逗号分隔。留空：所有要读或要回答的列。",
        ),
        advanced=True,
        example="text",
    )


@dataclass(frozen=True)
class View:
    """What a step is told of the table. `roles`: column → role; `home`: where models lie (None: the usual workspace)."""

    columns: list[str]
    roles: Mapping[str, str]
    home: Workspace | None = None

    def now(self, columns: Sequence[str], roles: Mapping[str, str]) -> View:
        """The same place with other columns or roles."""
        return View(list(columns), roles, self.home)

    def named(self, section: StepSection) -> list[str]:
        """The columns a step works on; UserError for one that is not there."""
        wanted = [name.strip() for name in section.columns.split(",") if name.strip()]
        for name in wanted:
            self.check(name)
        return wanted or self.words()

    def words(self) -> list[str]:
        """Columns that hold words: those with a role that is no mark, else all."""
        marks = ("label", "labels", "split", "score", "tags", "id")
        return [name for name in self.columns if self.roles.get(name, "split") not in marks] or list(self.columns)

    def check(self, name: str) -> None:
        """UserError when there is no such column."""
        if name not in self.columns:
            known = ", ".join(self.columns[:20])
            raise UserError(
                f"There is no column “{shorten(name)}”; the columns are: {known}.",
                f"没有“{shorten(name)}”列；现有列：{known}。",
                field="columns",
            )

    def column(self, role: str) -> str:
        """The column with a role; UserError when no column has it."""
        found = next((name for name, has in self.roles.items() if has == role), None)
        if found is None:
            raise UserError(
                f"This step needs a column with the role {role}; give one that role first.",
                f"此步骤需要角色为 {role} 的列；请先指定。",
                field="roles",
            )
        return found

    def text_of(self, row: Row, columns: Sequence[str] = ()) -> str:
        """The words of a row."""
        return "\n".join(spoken(row.get(name)) for name in columns or self.words()).strip()

    def held(self, row: Row) -> bool:
        """Whether a row is marked as held out."""
        mark = next((name for name, role in self.roles.items() if role == "split"), None)
        return mark is not None and normal(as_text(row.get(mark))) in HELD_OUT


def new_name(text: str, field: str = "into") -> str:
    """The name of a column to write to; UserError when it is none."""
    name = text.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise UserError(
            f"{field}: say which column to write to (1–100 characters).",
            f"{field}：请填写要写入的列名（1–100 个字符）。",
            field=field,
        )
    return name


@dataclass
class Outcome:
    """For every row what it became: a row (the same object when nothing changed), or the reason why it is dropped."""

    rows: list[Row | Text]
    added: list[Row] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    """Columns that are new."""
    roles: Mapping[str, str] | None = None
    """The roles, where they changed."""
    found: Mapping[str, Any] = field(default_factory=dict)
    """What the step found out beside its knobs, and a replay must find again; written down with them."""

    def seen(self, view: View) -> View:
        """What the next step is told of the table."""
        if not self.columns and self.roles is None:
            return view
        columns = list(dict.fromkeys([*view.columns, *self.columns]))
        return view.now(columns, view.roles if self.roles is None else self.roles)


class Step(ABC):
    """One way to clean. Entries of the registry, a file each."""

    kind: ClassVar[str]
    label: ClassVar[Text]
    help: ClassVar[Text]
    order: ClassVar[int] = 50
    section: ClassVar[type[StepSection]] = StepSection

    @abstractmethod
    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """What becomes of the rows. Rows are never changed in place."""

    def pandas(self, section: Any, view: View) -> str:
        """The same in pandas' own words, on a frame `df`; empty where it has none."""
        return ""


class TextStep(Step):
    """A step that changes words, wherever they stand: in a cell, or in the turns of a conversation."""

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """Every named column of every row."""
        mend, columns = self.mender(section), view.named(section)
        return Outcome([_mended(row, columns, mend) for row in rows])

    @abstractmethod
    def mender(self, section: Any) -> Callable[[str], str]:
        """The function that changes one text."""


def _mended(row: Row, columns: Sequence[str], mend: Callable[[str], str]) -> Row | Text:
    changed = {}
    for name in columns:
        value = row.get(name)
        made = mended(value, mend)
        if made != value:
            changed[name] = made
    if not changed:
        return row
    left = {**row, **changed}
    empty = not any(spoken(left.get(name)).strip() for name in columns)
    return NOTHING_LEFT if empty and any(spoken(row.get(name)).strip() for name in columns) else left


def mended(value: Any, mend: Callable[[str], str]) -> Any:
    """A cell with its words changed; numbers stay what they are."""
    if isinstance(value, str):
        return mend(value)
    if isinstance(value, list):
        return [_turn(item, mend) if isinstance(item, dict) else mended(item, mend) for item in value]
    return value


def _turn(turn: dict[str, Any], mend: Callable[[str], str]) -> dict[str, Any]:
    return {key: mend(item) if key in SAID and isinstance(item, str) else item for key, item in turn.items()}


def spoken(value: Any) -> str:
    """The words of a cell; of a conversation, what is said."""
    if not isinstance(value, list):
        return as_text(value)
    said = [turn.get("content") or turn.get("value") for turn in turns(value) if isinstance(turn, dict)]
    return "\n".join(map(as_text, said)) if said else as_text(value)


CLEANING: Registry[Step] = Registry(Text("cleaning step", "清洗步骤"), "workbench.data.cleaning")


@dataclass(frozen=True)
class Effect:
    """What one step did. `examples`: {"row": 0-based place before the step, "before", "after", "reason": Text | None}."""

    step: dict[str, Any]
    before: int
    after: int
    changed: int
    dropped: int
    added: int
    examples: list[dict[str, Any]]

    def facts(self) -> dict[str, Any]:
        """As it is kept with a dataset's version."""
        counts = {name: getattr(self, name) for name in COUNTS}
        return {**self.step, **counts}

    def told(self) -> dict[str, Any]:
        """The same with the examples, as JSON: a reason is {"en", "zh"}."""
        examples = [
            {**each, "reason": each["reason"] and {"en": each["reason"].en, "zh": each["reason"].zh}}
            for each in self.examples
        ]
        return {**self.facts(), "examples": examples}


def checked(step: Mapping[str, Any]) -> tuple[Step, Any]:
    """A step and its knobs from plain values; UserError names what is wrong."""
    entry = CLEANING.get(str(step.get("kind")))
    known = {name: value for name, value in step.items() if name not in COUNTS}
    try:
        return entry, entry.section.model_validate(known)
    except ValidationError as error:
        raise explain(error, entry.section, entry.kind) from error


def replay(rows: Sequence[Row], view: View, steps: Sequence[Mapping[str, Any]]) -> tuple[list[Row], list[Effect]]:
    """Every step in turn. The rows given are not changed."""
    now, done = outcomes(rows, view, steps)
    return now, [effect for effect, _ in done]


def outcomes(
    rows: Sequence[Row], view: View, steps: Sequence[Mapping[str, Any]]
) -> tuple[list[Row], list[tuple[Effect, Outcome]]]:
    """The same, with what became of every row at every step."""
    now, done = list(rows), []
    for step in steps:
        entry, section = checked(step)
        made = entry.apply(now, section, view)
        done.append((effect_of(section, now, made, view), made))
        view = made.seen(view)
        now = [row for row in made.rows if not isinstance(row, Text)] + made.added
    return now, done


def effect_of(section: Any, before: Sequence[Row], made: Outcome, view: View) -> Effect:
    """Counts and examples."""
    view = made.seen(view)
    changed = [
        i
        for i, (old, new) in enumerate(zip(before, made.rows, strict=True))
        if not isinstance(new, Text) and new is not old
    ]
    dropped = [i for i, new in enumerate(made.rows) if isinstance(new, Text)]
    examples = [_example(i, before[i], made.rows[i], view) for i in [*changed[:EXAMPLES], *dropped[:EXAMPLES]]]
    after = len(made.rows) - len(dropped) + len(made.added)
    step = {**section.model_dump(mode="json"), **made.found}
    return Effect(step, len(before), after, len(changed), len(dropped), len(made.added), examples)


def _example(place: int, old: Row, new: Row | Text, view: View) -> dict[str, Any]:
    if isinstance(new, Text):
        return {"row": place, "before": view.text_of(old), "after": "", "reason": new}
    names = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
    return {"row": place, "before": view.text_of(old, names), "after": view.text_of(new, names), "reason": None}
