"""The method of a run in plain code: PEFT's own config with just what differs from its defaults, or which parameters are trained."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from fnmatch import fnmatchcase
from typing import Any

FILLED_IN = {"num_layers", "token_dim", "num_attention_heads", "num_transformer_submodules", "base_model_name_or_path", "revision", "peft_type", "auto_mapping", "peft_version", "inference_mode"}  # fmt: skip
"""Fields that PEFT fills in by itself."""


def render(twin: Any) -> str:
    """By what the method stores; the seed comes first, because new parameters start at random."""
    seeded = "set_seed(SEED)\n"
    if twin.source.method.stores == "model":
        return seeded + "model.requires_grad_(True)  # every parameter is trained"
    if twin.source.method.adapter:
        return _peft(twin, seeded)
    return _selected(twin, seeded)


def quantised(twin: Any) -> tuple[str, list[str]]:
    """(further imports, arguments of from_pretrained) where the base is held in a few bits."""
    config = twin.source.method.loading(twin.recipe.method).get("quantization_config")
    if config is None:
        return "", []
    plain = {name: value for name, value in config.to_diff_dict().items() if name not in ("_load_in_4bit", "quant_method")}  # fmt: skip
    given = ", ".join(f"{name}={_spelled(name, value)}" for name, value in plain.items())
    return ", BitsAndBytesConfig", [f"quantization_config=BitsAndBytesConfig({given})"]


def _spelled(name: str, value: Any) -> str:
    """A value as code; torch's number formats come as words."""
    return f"torch.{value}" if name.endswith("dtype") and isinstance(value, str) else repr(value)


def _peft(twin: Any, seeded: str) -> str:
    """peft.XConfig(…)."""
    config = twin.model.peft_config["default"]
    kind, prepare = type(config).__name__, ""
    names = ["get_peft_model", kind]
    if getattr(twin.base, "is_loaded_in_4bit", False):
        names.append("prepare_model_for_kbit_training")
        prepare = "model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)\n"
    body = "".join(f"    {name}={value!r},\n" for name, value in told(config, twin.model.get_base_model()).items())
    return f"from peft import {', '.join(sorted(names))}\n\n{seeded}{prepare}model = get_peft_model(model, {kind}(\n{body}))\nmodel.print_trainable_parameters()"


def told(config: Any, base: Any) -> dict[str, Any]:
    """What differs from the config's defaults, sets as lists, enums as words."""
    found: dict[str, Any] = {}
    whole = bool(getattr(config, "feedforward_modules", None))  # these must be spelled as the target modules are
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name in FILLED_IN or value == _usual(field) or not _literal(value):
            continue
        value = (
            sorted(set(value))
            if isinstance(value, set | frozenset | tuple) or field.name == "modules_to_save"
            else value
        )
        short = field.name == "target_modules" and isinstance(value, list) and not whole
        found[field.name] = shortened(value, base) if short else _plain(value)
    return found


def _usual(field: Any) -> Any:
    """A field's default."""
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _literal(value: Any) -> bool:
    """Whether a value can stand in code."""
    return isinstance(value, str | int | float | bool | list | set | frozenset | tuple | dict) or hasattr(
        value, "value"
    )


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)


def shortened(targets: list[str], base: Any) -> list[str] | str:
    """Last names of the target modules, or one pattern (of modules inside numbered layers), where that means the same; else full names."""
    wanted = {name.removeprefix("base_model.model.") for name in targets}
    short = sorted({name.rsplit(".", 1)[-1] for name in wanted})
    present = {name.removesuffix(".base_layer") for name, _ in base.named_modules()}
    if {name for name in present if name.rsplit(".", 1)[-1] in short} == wanted:
        return short
    pattern = rf".*\.\d+\.(.*\.)?({'|'.join(short)})"
    return pattern if {name for name in present if re.fullmatch(pattern, name)} == wanted else sorted(wanted)


def _selected(twin: Any, seeded: str) -> str:
    """Names of what is trained; the bottleneck's networks are put in first."""
    from workbench.engine.twin import text

    trained = [name for name, value in twin.model.named_parameters() if value.requires_grad]
    every = [name for name, _ in twin.model.named_parameters()]
    head = "from fnmatch import fnmatchcase\n\n" + seeded
    if set(every) - twin.started:
        section = twin.recipe.method
        head += f"REDUCTION_FACTOR, ACTIVATION = {section.reduction_factor}, {section.activation!r}\n"
        head += f"PLACES = {places(twin.model)!r}\n\n\n{text('bottleneck')}\n"
    wanted = patterns(trained, every)
    listed = "".join(f"    {name!r},\n" for name in wanted)
    return f"{head}TRAINED = [\n{listed}]\nfor name, value in model.named_parameters():\n    value.requires_grad_(any(fnmatchcase(name, each) for each in TRAINED))"


def places(model: Any) -> list[str]:
    """Layers behind which a bottleneck lies, in the order in which it was put there."""
    from workbench.methods import attention_out, feedforward_out

    return [
        name
        for name in (*attention_out(model), *feedforward_out(model))
        if hasattr(model.get_submodule(name), "bottleneck")
    ]


def patterns(trained: list[str], every: list[str]) -> list[str]:
    """Trained names with `*` for the number of a layer, where that means the same names; else the names."""
    made = list(dict.fromkeys(re.sub(r"(?<=\.)\d+(?=\.)", "*", name) for name in trained))
    meant = [name for name in every if any(fnmatchcase(name, each) for each in made)]
    return made if set(meant) == set(trained) else trained
