"""What a search may turn: which settings of a recipe, and between which values. Sensible ranges are offered per task and method.

The seed is never among them: a search that turns it selects luck. Nor is anything that decides which rows are held out, because then
no two trials would be scored on the same ones. What it does not know: the model beyond its kind.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic.fields import FieldInfo

from workbench.core.errors import UserError, shorten
from workbench.core.family import family
from workbench.core.knob import Knob, base_type, knobs
from workbench.core.method import METHODS
from workbench.core.recipe import Recipe
from workbench.core.task import TASKS

RATE, EPOCHS, RANK, ALPHA = (
    "training.learning_rate",
    "training.num_train_epochs",
    "method.rank",
    "method.lora_alpha",
)
FIXED = ("training.seed", "training.engine", "training.eval_steps", "training.save_steps", "training.save_total_limit")
"""Luck, and what changes nothing of what is learned."""
FIRST = (RATE, EPOCHS, RANK)
"""What is searched when nobody says: the settings that matter most, in this order."""
USUAL = {
    "training.per_device_train_batch_size": "8,16,32",
    RANK: "4,8,16,32,64",
    "method.target_r": "4,8,16",
    "method.num_virtual_tokens": "5,10,20,50",
    "method.reduction_factor": "4,8,16,32",
    "method.num_trainable_layers": "1,2,4",
    "method.lora_dropout": "0:0.1",
    "task.beta": "0.05:0.5:log",
    "training.warmup_steps": "0:0.2",
    "training.weight_decay": "0:0.1",
    "training.lr_scheduler_type": "linear,cosine,constant_with_warmup",
}
"""By the name of a setting, whichever method or task has it."""
TIMES = {"decoder": "1:3", "encoder": "3:10", "pair": "3:10", "full encoder": "2:5", "preference": "1:2"}


@dataclass(frozen=True)
class Range:
    """One setting and its values: `choices`, or all from `low` to `high` (`log`: in equal factors, `whole`: whole numbers only)."""

    path: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def said(self) -> str:
        """As a person writes it: 1e-05:0.002:log, or 8,16,32."""
        if self.choices:
            return ",".join(_plain(choice) for choice in self.choices)
        return f"{self.low:g}:{self.high:g}" + (":log" if self.log else "")

    def suggest(self, trial: Any) -> Any:
        """A value for an Optuna trial."""
        if self.choices:
            return trial.suggest_categorical(self.path, list(self.choices))
        if self.whole:
            return trial.suggest_int(self.path, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.path, self.low, self.high, log=self.log)

    def near(self, value: Any) -> Any:
        """The value itself, or the nearest there is."""
        if self.choices:
            if value in self.choices or not all(isinstance(each, (int, float)) for each in (value, *self.choices)):
                return value if value in self.choices else self.choices[0]
            return min(self.choices, key=lambda each: abs(each - value))
        inside = min(self.high, max(self.low, float(value)))
        return round(inside) if self.whole else inside


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def searchable(recipe: Recipe) -> dict[str, tuple[FieldInfo, Knob]]:
    """Every setting of this recipe that may be searched, by dotted path."""
    parts = {"training": recipe.training, "method": recipe.method, "task": recipe.task}
    found = {f"{part}.{name}": pair for part, section in parts.items() for name, pair in knobs(type(section)).items()}
    able = {path: pair for path, pair in found.items() if pair[1].choices or base_type(pair[0]) is not str}
    return {path: pair for path, pair in able.items() if path not in FIXED}


def value_of(recipe: Recipe, path: str) -> Any:
    """The recipe's own value of a setting."""
    part, _, name = path.partition(".")
    return getattr(getattr(recipe, part), name)


def parse(recipe: Recipe, text: str) -> Range:
    """A range as it is written on the command line: path, path=low:high, path=low:high:log or path=a,b,c. UserError names what is wrong."""
    path, _, said = (each.strip() for each in text.partition("="))
    known = searchable(recipe)
    if path == "training.seed":
        raise UserError(
            "The seed is never searched: the best of several seeds is luck, and luck does not come again.",
            "随机种子不参与搜索：几个种子里最好的那个只是运气，不会重现。",
            field="knob",
        )
    if path not in known:
        raise UserError(
            f"“{shorten(path)}” cannot be searched. Choose from: {', '.join(known)}.",
            f"“{shorten(path)}”不能搜索。可选：{'、'.join(known)}。",
            field="knob",
        )
    made = _read(path, said, base_type(known[path][0])) if said else _offer(recipe, path)
    if made is None:
        raise UserError(
            f"{path}: say which values: {path}=low:high, {path}=low:high:log or {path}=a,b,c.",
            f"{path}：请写明取值：{path}=下限:上限、{path}=下限:上限:log 或 {path}=a,b,c。",
            field="knob",
        )
    _check(recipe, made)
    return made


def _read(path: str, said: str, kind: type) -> Range | None:
    if ":" not in said:
        choices = tuple(_value(each, kind) for each in said.split(",") if each.strip())
        return Range(path, choices=tuple(dict.fromkeys(choices))) if choices else None
    low, _, rest = said.partition(":")
    high, _, scale = rest.partition(":")
    if kind not in (int, float) or scale.strip() not in ("", "log"):
        return None
    with contextlib.suppress(ValueError):
        ends = float(low), float(high)
        whole = kind is int or (path == EPOCHS and all(end.is_integer() for end in ends))
        return Range(path, *ends, log=scale.strip() == "log", whole=whole)
    return None


def _value(text: str, kind: type) -> Any:
    try:
        value = yaml.safe_load(text.strip())
    except yaml.YAMLError:
        return text  # the recipe says what is wrong with it
    if kind in (int, float) and isinstance(value, str):
        with contextlib.suppress(ValueError):  # YAML reads 1e-4 as text
            return kind(float(value))
    return float(value) if kind is float and type(value) is int else value


def _check(recipe: Recipe, made: Range) -> None:
    """Every value must be one that the recipe takes."""
    if not made.choices and (not made.low < made.high or (made.log and made.low <= 0)):
        raise UserError(
            f"{made.path}: {made.said} is no range; the first number must be smaller (and above 0 for log).",
            f"{made.path}：{made.said} 不是有效范围；前一个数须更小（log 时须大于 0）。",
            field="knob",
        )
    ends = (made.low, made.high) if not made.whole else (int(made.low), int(made.high))
    for value in made.choices or ends:
        recipe.replace({made.path: value})


def offered(recipe: Recipe, config: dict[str, Any] | None = None) -> list[Range]:
    """The ranges to choose from; each has the recipe's own value within, so that the first trial can be the recipe as it stands."""
    known = searchable(recipe)
    paths = [path for path in dict.fromkeys([*FIRST, *USUAL]) if path in known]
    found = [_offer(recipe, path, config) for path in paths]
    return [made for made in found if made is not None]


def _offer(recipe: Recipe, path: str, config: dict[str, Any] | None = None) -> Range | None:
    if path == RATE:
        return _widened(recipe, Range(RATE, *rates(recipe, config), log=True))
    if path == EPOCHS:
        return None if recipe.training.max_steps > 0 else _widened(recipe, _times(recipe, config))
    pair = searchable(recipe).get(path)
    said = USUAL.get(path) or (",".join(str(value) for value, _ in pair[1].choices) if pair else "")
    if pair and not said and base_type(pair[0]) is bool:
        said = "true,false"
    made = _read(path, said, base_type(pair[0])) if pair and said else None
    return _widened(recipe, made) if made else None


def rates(recipe: Recipe, config: dict[str, Any] | None = None) -> tuple[float, float]:
    """Learning rates around the one that goes with the method. Where it is small, weights that were pre-trained are moved themselves:
    there is little room above it. Preference losses want a tenth; encoder-decoders moved as a whole ten times as much."""
    task, usual = TASKS.get(recipe.task.kind), float(METHODS.get(recipe.method.kind).suggests.get(RATE, 2e-4))
    whole = usual < 1e-4
    factor = 0.1 if task.loop == "preference" else 10.0 if whole and kind_of(recipe, config) == "pair" else 1.0
    low, high = usual * factor / 10, usual * factor * (2 if whole else 10)
    return float(f"{low:.1g}"), float(f"{high:.1g}")


def kind_of(recipe: Recipe, config: dict[str, Any] | None = None) -> str:
    """encoder, decoder or pair: from the model where its config is known, else what the task is usually done with."""
    families = TASKS.get(recipe.task.kind).families
    return family(config) if config else families[0] if len(families) == 1 else "encoder" if "encoder" in families else "pair"  # fmt: skip


def _times(recipe: Recipe, config: dict[str, Any] | None) -> Range:
    kind = kind_of(recipe, config)
    if kind == "encoder" and METHODS.get(recipe.method.kind).stores == "model":
        kind = "full encoder"
    if TASKS.get(recipe.task.kind).loop == "preference":
        kind = "preference"
    low, high = TIMES[kind].split(":")
    return Range(EPOCHS, float(low), float(high), whole=True)


def _widened(recipe: Recipe, made: Range) -> Range | None:
    """With the recipe's own value, and without choices that it does not take."""
    own = value_of(recipe, made.path)
    if made.choices:
        values = dict.fromkeys([*made.choices, own])
        able = [value for value in values if _takes(recipe, made.path, value)]
        ordered = sorted(able) if all(isinstance(value, (int, float)) for value in able) else able
        return Range(made.path, choices=tuple(ordered)) if len(ordered) > 1 else None
    whole = made.whole and float(own).is_integer()
    low = own if not made.log or own > 0 else made.low
    return Range(made.path, min(made.low, low), max(made.high, own), made.log, whole)


def _takes(recipe: Recipe, path: str, value: Any) -> bool:
    try:
        return bool(recipe.replace({path: value}))
    except UserError:
        return False


def settled(recipe: Recipe, values: dict[str, Any]) -> Recipe:
    """The recipe with a trial's values. Alpha follows the rank, so that rank alone is compared."""
    changes = dict(values)
    if RANK in values and ALPHA not in values and hasattr(recipe.method, "lora_alpha"):
        share = value_of(recipe, ALPHA) / value_of(recipe, RANK)
        changes[ALPHA] = max(1, round(share * values[RANK]))
    return recipe.replace(changes)
