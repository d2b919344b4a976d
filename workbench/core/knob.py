"""A knob: one typed setting, declared once. The form, the YAML file, the command line and the checks all read it here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from workbench.core.errors import UserError, shorten
from workbench.core.text import Text


class Section(BaseModel):
    """A frozen part of a recipe. Unknown keys and values out of bounds are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    @field_validator("*")
    @classmethod
    def _one_of(cls, value: Any, info: ValidationInfo) -> Any:
        """A value that is none of its choices is out of bounds, as a number above its limit is."""
        made = knob_of(cls.model_fields[str(info.field_name)])
        if made and made.choices and value not in [choice for choice, _ in made.choices]:
            raise ValueError("no such choice")
        return value


@dataclass(frozen=True)
class Knob:
    """What a form and a message need to know of a field beside its type and default."""

    label: Text
    help: Text
    advanced: bool = False
    choices: tuple[tuple[Any, Text], ...] = ()
    shown_when: tuple[str, Any] | None = None
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    example: str = ""
    names: str = ""
    """What the text names where the workbench knows some of it: "model". A form offers those."""

    def expected(self, kind: type) -> Text:
        """What a good value looks like, as the end of a sentence."""
        if self.choices:
            names = ", ".join(str(value) for value, _ in self.choices)
            return Text(f"one of {names}", f"以下之一：{names}")
        noun = {int: Text("a whole number", "整数"), float: Text("a number", "数字")}.get(kind, Text("text", "文字"))
        bounds = [
            (self.gt, "above", "大于"),
            (self.ge, "at least", "不小于"),
            (self.lt, "below", "小于"),
            (self.le, "at most", "不超过"),
        ]
        given = [(f"{value:g}", en, zh) for value, en, zh in bounds if value is not None]
        low_high = " and ".join(f"{en} {value}" for value, en, zh in given)
        low_high_zh = "且".join(f"{zh} {value} " for value, en, zh in given)
        return Text(f"{noun.en} {low_high}".strip(), f"{low_high_zh}的{noun.zh}" if given else noun.zh)


def knob(default: Any, label: Text, help: Text, **facts: Any) -> Any:
    """Declare a field: `learning_rate: float = knob(2e-4, Text(..), Text(..), gt=0, le=1, example="2e-4")`.

    Bounds (`ge gt le lt`) are given to pydantic; `choices` are (value, Text) pairs; `shown_when` is (field, value).
    """
    made = Knob(label=label, help=help, **facts)
    bounds = {name: getattr(made, name) for name in ("ge", "gt", "le", "lt") if getattr(made, name) is not None}
    extra: Any = {"knob": made}
    return Field(default, json_schema_extra=extra, **bounds)


def knob_of(field: FieldInfo) -> Knob | None:
    """The knob of a pydantic field, or None for one that is no setting (like `kind`)."""
    extra = field.json_schema_extra
    return extra.get("knob") if isinstance(extra, dict) else None  # type: ignore[return-value]


def knobs(section: type[BaseModel]) -> dict[str, tuple[FieldInfo, Knob]]:
    """The knobs of a section by field name, in the order they were declared."""
    found = {name: (field, knob_of(field)) for name, field in section.model_fields.items()}
    return {name: (field, made) for name, (field, made) in found.items() if made is not None}


def base_type(field: FieldInfo) -> type:
    """int for `int | None`, and so on; str for anything a form shows as text."""
    annotation: Any = field.annotation
    parts = [part for part in get_args(annotation) if part is not type(None)]
    if get_origin(annotation) is not None and parts and isinstance(parts[0], type):
        annotation = parts[0]
    return annotation if annotation in (int, float, bool) else str


def explain(error: ValidationError, model: type[BaseModel], prefix: str = "") -> UserError:
    """The first failure of a validation, as one sentence in both languages beside its field."""
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, UserError):
        return cause
    path = [str(part) for part in first["loc"]]
    where = ".".join([*([prefix] if prefix else []), *path])
    value = shorten(first.get("input"))
    if first["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields)
        return UserError(
            f"{where}: there is no such setting. Known here: {known}.",
            f"{where}：没有这个设置。此处可用：{known}。",
            field=where,
        )
    if first["type"] == "missing":
        return UserError(f"{where}: a value is missing; add it.", f"{where}：缺少取值，请补上。", field=where)
    return _out_of_bounds(model, path, (where, value), first.get("input") is None)


def _out_of_bounds(model: type[BaseModel], path: list[str], told: tuple[str, str], empty: bool) -> UserError:
    where, value = told
    field = model.model_fields.get(path[-1]) if path else None
    made = knob_of(field) if field else None
    if field is None or made is None:
        return UserError(f"{where}: “{value}” does not fit here.", f"{where}：“{value}”不合适。", field=where)
    expected = made.expected(base_type(field))
    hint = Text(f" Try {made.example}.", f"例如 {made.example}。") if made.example else Text("", "")
    if empty:
        return UserError(
            f"{made.label.en} ({where}): a value is missing; expected {expected.en}.{hint.en}",
            f"{made.label.zh}（{where}）：缺少取值；应为{expected.zh}。{hint.zh}",
            field=where,
        )
    return UserError(
        f"{made.label.en} ({where}): “{value}” is not possible; expected {expected.en}.{hint.en}",
        f"{made.label.zh}（{where}）：“{value}”不可用；应为{expected.zh}。{hint.zh}",
        field=where,
    )


def finite(value: float) -> bool:
    """Neither NaN nor infinite."""
    return math.isfinite(value)
