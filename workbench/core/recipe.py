"""Everything that determines a run, typed and frozen. A recipe is a YAML file, a filled form, and a run's recipe.yaml."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, SerializeAsAny, ValidationError, field_validator

from workbench.core.errors import UserError, shorten
from workbench.core.evaluated import EvaluationSection
from workbench.core.files import write_text
from workbench.core.knob import Section, explain, knob
from workbench.core.method import METHODS, MethodSection
from workbench.core.sections import ComputeSection
from workbench.core.task import TASKS, TaskSection
from workbench.core.text import Text
from workbench.core.training import TrainingSection

UNWRITTEN = ("Cc", "Cs", "Zl", "Zp")
"""Kinds of characters that no name has: controls (line ends among them), halves of characters, line and paragraph separators."""
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Characters that turn the direction of writing, so that what is read is not what is there."""


class ModelSection(Section):
    """The `model:` part: which pretrained model to start from."""

    id: str = knob(
        "all-MiniLM-L6-v2",
        Text("Model", "模型"),
        Text(
            "A starter model, owner/name on the Hub, or a local folder with safetensors weights. "
            "A larger one knows more, and takes more memory and time: begin small.",
            "入门模型、Hub 上的 owner/name，或含 safetensors 权重的本地文件夹。"
            "越大懂得越多，也越占内存和时间：先从小的开始。",
        ),
        example="all-MiniLM-L6-v2",
    )
    revision: str = knob(
        "main",
        Text("Revision", "版本"),
        Text(
            "Branch, tag or commit on the Hub. "
            "Leave main unless a run must be repeated with just these weights; then name a commit.",
            "Hub 上的分支、标签或提交。一般保持 main；要用完全相同的权重重做时，请填写提交号。",
        ),
        advanced=True,
    )


class DataSection(Section):
    """The `data:` part: which rows, and what their columns mean."""

    dataset: str = knob(
        "sentiment-en",
        Text("Dataset", "数据集"),
        Text(
            "A dataset of this workspace or a bundled sample. "
            "What the model learns stands here; a few hundred good rows are worth more than many poor ones.",
            "本工作区的数据集或自带示例。模型学什么由它决定；几百行好数据胜过许多差数据。",
        ),
    )
    version: int = knob(
        0,
        Text("Version", "版本"),
        Text(
            "0 takes the newest version; a started run writes down the one it used. "
            "Name an older one only to repeat a run on the same rows.",
            "0 表示最新版本；任务启动后会记下所用版本。只有要在相同的行上重做时，才填写旧版本。",
        ),
        advanced=True,
        ge=0,
        le=10**9,
    )
    roles: dict[str, str] = {}
    validation: float = knob(
        0.1,
        Text("Held-out share", "留出比例"),
        Text(
            "Rows kept out of training to compare before and after. Ignored when the dataset brings its own held-out rows.",
            "不参与训练、用来比较微调前后的行所占比例。数据集自带留出行时忽略。",
        ),
        gt=0,
        lt=1,
        example="0.1",
    )
    max_rows: int = knob(
        0,
        Text("Training rows at most", "训练行数上限"),
        Text("0 uses all. A smaller number gives a quick first try.", "0 表示全部。较小的数可先快速试一次。"),
        ge=0,
        le=10**9,
    )


class Recipe(BaseModel):
    """A run before it runs. `task` and `method` carry the knobs of their kind, found through the registries."""

    model_config = Section.model_config

    name: str = ""
    task: SerializeAsAny[TaskSection]
    model: ModelSection = ModelSection()
    data: DataSection = DataSection()
    method: SerializeAsAny[MethodSection]
    training: TrainingSection = TrainingSection()
    compute: ComputeSection = ComputeSection()
    evaluation: EvaluationSection = EvaluationSection()

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        odd = [char for char in value if unicodedata.category(char) in UNWRITTEN or char in TURNING]
        if odd:
            raise _kept(_unwritten(odd[0]))
        return value

    @field_validator("task", mode="before")
    @classmethod
    def _task(cls, value: Any) -> Any:
        return _of_kind(value, "task", lambda kind: TASKS.get(kind).section)

    @field_validator("method", mode="before")
    @classmethod
    def _method(cls, value: Any) -> Any:
        return _of_kind(value, "method", lambda kind: METHODS.get(kind).section)

    def dump(self) -> dict[str, Any]:
        """Plain values, as they go into YAML."""
        return self.model_dump(mode="json")

    def save(self, path: Path) -> None:
        """Write the recipe as YAML."""
        write_text(path, yaml.safe_dump(self.dump(), allow_unicode=True, sort_keys=False))

    def replace(self, changes: dict[str, Any]) -> Recipe:
        """A checked copy with dotted settings changed: {"method.rank": 16}."""
        values = self.dump()
        for dotted, value in changes.items():
            values = put(values, dotted, value)
        return parse(values)


def _unwritten(char: str) -> UserError:
    return UserError(
        f"name: a recipe's name is one line of visible characters, and this one has U+{ord(char):04X} in it. Remove that character.",
        f"name：配方名称只能是一行可见字符，这里含有 U+{ord(char):04X}。请删除该字符。",
        field="name",
    )


def _of_kind(value: Any, part: str, find: Any) -> Any:
    if isinstance(value, Section):
        return value
    if isinstance(value, str):
        value = {"kind": value}
    if not isinstance(value, dict) or "kind" not in value:
        raise _kept(UserError(f"{part}: say which kind.", f"{part}：请指明 kind。", field=part))
    try:
        section = find(str(value["kind"]))
    except UserError as error:
        raise _kept(error) from error
    try:
        return section.model_validate(value)
    except ValidationError as error:
        raise _kept(explain(error, section, part)) from error


class _Kept(ValueError):
    """Carries a UserError through pydantic's own error."""

    def __init__(self, error: UserError) -> None:
        super().__init__(str(error))
        self.error = error


def _kept(error: UserError) -> _Kept:
    return _Kept(error)


def put(values: dict[str, Any], dotted: str, value: Any) -> dict[str, Any]:
    """A copy of nested `values` with one dotted key set. Changing a kind drops the knobs of the old kind."""
    head, _, rest = dotted.partition(".")
    if not rest:
        return {**values, head: value}
    inner = values.get(head)
    if not isinstance(inner, dict):
        inner = {}
    if rest == "kind" and inner.get("kind") != value:
        return {**values, head: {"kind": value}}
    return {**values, head: put(inner, rest, value)}


def parse(values: Any) -> Recipe:
    """A checked recipe from plain values; UserError names the first setting that is wrong."""
    if not isinstance(values, dict):
        raise UserError(
            "A recipe is a mapping of task, model, data, method …; this is something else.",
            "配方应包含 task、model、data、method 等部分；这份内容不是。",
        )
    for part in ("task", "method"):
        if part not in values:
            raise UserError(f"The recipe has no “{part}”; add it.", f"配方缺少“{part}”，请补上。", field=part)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise _first(error) from error


def _first(error: ValidationError) -> UserError:
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, _Kept):
        return cause.error
    part = str(first["loc"][0]) if first["loc"] else ""
    field = Recipe.model_fields.get(part)
    section = field.annotation if field else None
    if len(first["loc"]) > 1 and isinstance(section, type) and issubclass(section, BaseModel):
        return explain(error, section)
    return explain(error, Recipe)


def read(path: Path) -> Recipe:
    """A recipe from a YAML file."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"There is no recipe at {path}.", f"{path} 处没有配方。") from error
    except (yaml.YAMLError, ValueError, OSError) as error:
        reason = shorten(str(error).replace("\n", " "), 160)
        raise UserError(
            f"{path.name} is not a readable YAML file: {reason}",
            f"{path.name} 不是可读的 YAML 文件：{reason}",
        ) from error
    if isinstance(values, dict):
        values.pop("about", None)
    return parse(values)


def settings(given: Sequence[str]) -> dict[str, Any]:
    """`key=value` settings of the command line; values are read as YAML."""
    found = {}
    for setting in given:
        key, equals, text = setting.partition("=")
        if not equals or not key:
            raise UserError(
                f"--set {shorten(setting)}: write it as key=value, for instance training.learning_rate=2e-4.",
                f"--set {shorten(setting)}：请写成 key=value，例如 training.learning_rate=2e-4。",
            )
        try:
            found[key] = yaml.safe_load(text)
        except yaml.YAMLError:
            found[key] = text
    return found


def with_settings(recipe: Recipe, given: Sequence[str]) -> Recipe:
    """Apply `key=value` settings, one after the other."""
    for setting in given:
        recipe = recipe.replace(settings([setting]))
    return recipe
