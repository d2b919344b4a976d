"""The one place that turns knobs into components. Label, help, bounds and choices come from the knob's declaration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from workbench.core.knob import Knob, base_type, knob_of, knobs
from workbench.core.method import METHODS
from workbench.ui.draft import Draft
from workbench.ui.words import Words


class Form:
    """Fields by dotted recipe path. Every change is saved into the draft and checked beside its field."""

    def __init__(self, words: Words, draft: Draft) -> None:
        self.words = words
        self.draft = draft
        self.fields: dict[str, Any] = {}
        self.groups: dict[str, list[tuple[str, Any]]] = {}

    @property
    def components(self) -> list[Any]:
        """All components, in the order of `fields`."""
        return list(self.fields.values())

    def section(self, prefix: str, section: type[BaseModel], advanced: bool, skip: tuple[str, ...] = ()) -> None:
        """Lay out the simple or the advanced knobs of a section, two to a row."""
        wanted = [
            (name, pair) for name, pair in knobs(section).items() if pair[1].advanced == advanced and name not in skip
        ]
        for start in range(0, len(wanted), 2):
            with gr.Row(elem_classes="pair"):
                for name, (field, made) in wanted[start : start + 2]:
                    self.fields[f"{prefix}.{name}"] = self.component(f"{prefix}.{name}", field, made)

    def kind_sections(self, part: str, entries: list[Any], advanced: bool, skip: tuple[str, ...] = ()) -> None:
        """The knobs of every kind of a registry, one group visible at a time. Paths are `method:lora.rank`."""
        current = self.draft.get(f"{part}.kind")
        for entry in entries:
            mine = [name for name, (_, made) in knobs(entry.section).items() if made.advanced == advanced]
            if not [name for name in mine if name not in skip]:
                continue
            with gr.Column(visible=entry.kind == current, elem_classes="plain") as group:
                self.section(f"{part}:{entry.kind}", entry.section, advanced, skip)
            self.groups.setdefault(part, []).append((entry.kind, group))

    def component(self, path: str, field: FieldInfo, made: Knob) -> Any:
        """The component for one knob: a box to tick, a choice, a number or a line of text."""
        name = path.rsplit(".", 1)[-1]
        facts = {
            "label": f"{self.words.say(made.label)} · {name}",
            "info": self.words.say(made.help),
            "value": self.value(path, field),
            "interactive": True,
            "elem_id": "field-" + path.replace(".", "-").replace(":", "-"),
            "visible": self._wanted(path, made),
        }
        kind = base_type(field)
        if made.choices:
            return gr.Dropdown(choices=[(self.words.say(text), value) for value, text in made.choices], **facts)
        if kind is bool:
            return gr.Checkbox(**facts)
        if kind in (int, float):
            return gr.Number(precision=0 if kind is int else None, step=1 if kind is int else 0.0001, **facts)
        return gr.Textbox(**facts)

    def value(self, path: str, field: FieldInfo) -> Any:
        """The draft's value of a field, or its default (also for kinds that are not chosen now)."""
        part, _, name = path.rpartition(".")
        base, _, kind = part.partition(":")
        if kind and self.draft.get(f"{base}.kind") != kind:
            return field.default
        value = self.draft.get(f"{base}.{name}")
        return field.default if value is None else value

    def refresh(self, shown: Sequence[Any]) -> list[Any]:
        """Updates that bring the fields in line with the draft. A field that shows (`shown`, in the order of `fields`)
        what the draft says stays untouched: somebody may be typing in it."""
        return [self._drawn(path, now) for path, now in zip(self.fields, shown, strict=True)]

    def _drawn(self, path: str, now: Any) -> Any:
        value, seen = self.value(path, self._field(path)), self._seen(path)
        if value == now:
            return gr.update(**seen) if seen else gr.skip()
        return gr.update(value=value, info=self._info(path), elem_classes=[], **seen)

    def _wanted(self, path: str, made: Knob) -> bool:
        """Whether a field means anything beside the others: some belong to one choice of another (Knob.shown_when)."""
        if made.shown_when is None:
            return True
        other, choice = made.shown_when
        beside = f"{path.rpartition('.')[0]}.{other}"
        return bool(self.value(beside, self._field(beside)) == choice)

    def _seen(self, path: str) -> dict[str, bool]:
        """What an update says of a field that comes and goes."""
        made = knob_of(self._field(path))
        return {"visible": self._wanted(path, made)} if made and made.shown_when else {}

    def _depending(self, path: str) -> list[str]:
        """The fields that come and go with a choice in this one."""
        part, _, name = path.rpartition(".")
        found = ((other, knob_of(self._field(other))) for other in self.fields if other.rpartition(".")[0] == part)
        return [other for other, made in found if made and made.shown_when and made.shown_when[0] == name]

    def changed(self) -> dict[str, Any]:
        """The advanced settings that are not at their default, by name. What the chosen method suggests is no change."""
        found: dict[str, Any] = {}
        for path in self.fields:
            plain, field = self.plain(path), self._field(path)
            made = knob_of(field)
            if plain is None or made is None or not made.advanced:
                continue
            value = self.draft.get(plain)
            usual = METHODS.get(self.draft.get("method.kind")).suggests.get(plain, field.default)
            if value is not None and value != usual:
                found[plain.rsplit(".", 1)[-1]] = value
        return found

    def group_updates(self, part: str) -> list[Any]:
        """Updates that show the groups of the chosen kind only."""
        current = self.draft.get(f"{part}.kind")
        return [gr.update(visible=kind == current) for kind, _ in self.groups.get(part, [])]

    def take(self, values: tuple[Any, ...] | list[Any]) -> None:
        """Save all visible values into the draft (the fields of kinds that are not chosen are left out)."""
        changes = {}
        for path, value in zip(self.fields, values, strict=True):
            plain = self.plain(path)
            if plain is not None:
                changes[plain] = value
        self.draft.put(changes)

    def plain(self, path: str) -> str | None:
        """`method:lora.rank` → `method.rank`, or None when another kind is chosen."""
        part, _, name = path.rpartition(".")
        base, _, kind = part.partition(":")
        if kind and self.draft.get(f"{base}.kind") != kind:
            return None
        return f"{base}.{name}"

    def _field(self, path: str) -> FieldInfo:
        component_section = self._sections[path.rpartition(".")[0]]
        return component_section.model_fields[path.rsplit(".", 1)[-1]]

    @property
    def _sections(self) -> dict[str, type[BaseModel]]:
        from workbench.core.recipe import Recipe
        from workbench.core.task import TASKS

        found: dict[str, type[BaseModel]] = {f"method:{entry.kind}": entry.section for entry in METHODS.all()}
        found |= {f"task:{entry.kind}": entry.section for entry in TASKS.all()}
        for name, field in Recipe.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                found.setdefault(name, field.annotation)
        return found

    def wire(self, after: Callable[[], Any], outputs: list[Any]) -> None:
        """Save on every change, say what is wrong in the field itself, then refresh `outputs` with `after()`."""
        for path, component in self.fields.items():
            listeners = [component.blur, component.submit] if hasattr(component, "submit") else [component.input]
            others = [self.fields[other] for other in self._depending(path)]
            gr.on(
                listeners,
                self._saver(path, after),
                [component],
                [component, *others, *outputs],
                queue=False,
                show_progress="hidden",
            )

    def _saver(self, path: str, after: Callable[[], Any]) -> Callable[[Any], Any]:
        help_text, others = self._info(path), self._depending(path)

        def save(value: Any) -> list[Any]:
            plain = self.plain(path)
            error = self.draft.problem(plain, value) if plain else None
            if plain is not None:
                self.draft.put({plain: value})
            said = f"✕ {error.say(self.words.lang)}" if error else help_text
            seen = [gr.update(**self._seen(other)) for other in others]
            return [gr.update(info=said, elem_classes=["wrong"] if error else []), *seen, *after()]

        return save

    def _info(self, path: str) -> str:
        made = knob_of(self._field(path))
        return self.words.say(made.help) if made else ""
