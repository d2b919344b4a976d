"""The one place that loads weights: safetensors from a local folder, never pickle, never the network; code of the model only where the
owner agreed to it (workbench.models.consent)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.files import read_json, write_json
from workbench.core.method import METHODS
from workbench.core.run import Run
from workbench.core.task import TASKS, Task
from workbench.models import consent
from workbench.models.chat_template import ensure_chat_template
from workbench.models.facts import check_folder, header, only_pickles, read_config
from workbench.models.twin import own

OPTIONS, FRESH, ADAPTER = "options.json", "fresh.safetensors", "adapter_model.safetensors"
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RecursionError)
"""What transformers raises over files that are not what they should be."""
_DEFAULT = re.compile(r"\.default(?=\.|$)")
"""The adapter's name while it is trained."""


def local(folder: Path) -> dict[str, Any]:
    """What every `from_pretrained` is told: the one call site where code may be trusted. UserError for code that lies elsewhere."""
    return {"local_files_only": True, "trust_remote_code": consent.allowed(folder)}


def load_config(folder: Path, **options: Any) -> Any:
    """The configuration of a model folder."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(str(folder), **local(folder), **options)
    except UNREADABLE as error:
        raise _unreadable(folder, "model", error) from error


def hollow(auto: Any, folder: Path, config: Any) -> Any:
    """A model of that shape, as an auto class makes it from its configuration alone."""
    return auto.from_config(config, trust_remote_code=local(folder)["trust_remote_code"])


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a model folder, with a padding token in any case."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), **local(folder))
    except UNREADABLE as error:
        raise _unreadable(folder, "tokenizer", error) from error
    if tokenizer.pad_token_id is None:
        spare = tokenizer.eos_token or tokenizer.unk_token or tokenizer.convert_ids_to_tokens(0)
        tokenizer.pad_token = spare  # masks come from lengths, not from ids: a token with another use is safe here
    return tokenizer


def load_model(folder: Path, task: Task, options: dict[str, Any], device: str = "cpu", dtype: str = "fp32") -> Any:
    """The model with the head of `task`. Parameters the folder lacked are named in `model.fresh_parameters`.

    `options` are further arguments of `from_pretrained`: the head's labels, how to quantise.
    """
    import torch
    import transformers

    check_folder(folder)
    kinds = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    auto = getattr(transformers, task.head(read_config(folder)))
    try:
        model, info = auto.from_pretrained(
            str(folder), use_safetensors=True, dtype=kinds[dtype], output_loading_info=True,
            ignore_mismatched_sizes=True, **local(folder), **options,
        )  # fmt: skip
    except UNREADABLE as error:
        if "Unrecognized configuration class" in str(error):
            raise _headless(folder, task) from error
        raise _unreadable(folder, "model", error) from error
    model.fresh_parameters = _fresh_names(info)
    if model.config.pad_token_id is None:
        model.config.pad_token_id = load_tokenizer(folder).pad_token_id
    if getattr(model, "hf_quantizer", None) is not None:
        return _trainable_later(model)
    return model if "device_map" in options else model.to(device)


def load_gguf(path: Path, task: Task, base_folder: Path, device: str = "cpu") -> Any:
    """A GGUF file as transformers reads it, in fp32; `base_folder` says which head it is, and its shape for models whose width of heads
    transformers does not read from the file."""
    import torch
    import transformers

    auto, config = getattr(transformers, task.head(read_config(base_folder))), read_config(base_folder)
    shape = {"config": load_config(base_folder)} if config["model_type"] == "qwen3" else {}
    try:
        model = auto.from_pretrained(
            str(path.parent), gguf_file=path.name, dtype=torch.float32, **local(path.parent), **shape
        )
    except (*UNREADABLE, IndexError, OverflowError, MemoryError) as error:
        raise _unreadable(path, "model", error) from error
    return model.to(device).eval()


def _trainable_later(model: Any) -> Any:
    """Keep 4-bit weights as they were read: on a CPU, bitsandbytes repacks them at the first answer in evaluation mode,
    and its layers have no gradient from then on."""
    for part in model.modules():
        if hasattr(part, "support_avx512bf16_for_cpu"):
            part.support_avx512bf16_for_cpu = False
    return model


def _fresh_names(info: dict[str, Any]) -> list[str]:
    changed = [item[0] if isinstance(item, (tuple, list)) else item for item in info.get("mismatched_keys") or ()]
    return sorted({*info.get("missing_keys", ()), *changed})


def save_tuned(run: Run, model: Any, tokenizer: Any, options: dict[str, Any], folder: Path | None = None) -> None:
    """Save into `folder` (the run's own place unless one is named) what was tuned: the adapter (and head parameters the base folder lacks), the changed tensors, or the whole
    model. Safetensors only. `options` are the head's (its labels)."""
    from safetensors.torch import save_file

    folder, method = folder or run.tuned, METHODS.get(run.recipe.method.kind)
    if method.adapter:
        for config in model.peft_config.values():
            config.base_model_name_or_path = run.recipe.model.id
    folder.mkdir(parents=True, exist_ok=True)
    method.save(model, folder)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty template; the run's own card lies above
    tokenizer.save_pretrained(str(folder))
    write_json(folder / OPTIONS, options)
    if method.adapter and (fresh := fresh_tensors(model.get_base_model())):
        save_file(
            {name: value.detach().cpu().clone().contiguous() for name, value in fresh.items()}, str(folder / FRESH)
        )


def save_whole(model: Any, tokenizer: Any, folder: Path) -> None:
    """A plain model as transformers writes it: safetensors, config, tokenizer."""
    model.save_pretrained(str(folder), max_shard_size="5GB")
    tokenizer.save_pretrained(str(folder))


def fresh_tensors(base: Any) -> dict[str, Any]:
    """Randomly initialised parameters that the adapter left untouched: without them a reload would roll the dice again."""
    wanted, state = set(getattr(base, "fresh_parameters", ())), base.state_dict()
    return {name: state[name] for name in wanted if name in state}


def load_tuned(run: Run, base_folder: Path, device: str = "cpu", dtype: str = "fp32", full: bool = False) -> Any:
    """The tuned model of a run, ready to answer; `full`: on the base in full precision, though it was trained on a quantised one."""
    _check_tuned(run)
    recipe, options = run.recipe, load_options(run)
    task, method = TASKS.get(recipe.task.kind), METHODS.get(recipe.method.kind)
    if method.stores == "model":
        return load_model(run.tuned, task, options, device, dtype).eval()
    asked = {} if full else method.loading(recipe.method)
    base = load_model(base_folder, task, {**options, **asked}, device, dtype)
    return lay_on(run, base)


def lay_on(run: Run, base: Any, name: str = "default", step: int | None = None) -> Any:
    """A run's result (or its checkpoint of a step) over `base`, which it takes: a PeftModel whose adapter is called `name`, or `base` with
    copies of its own where the run changed something. A base that shares its tensors (see `twin`) leaves the others untouched."""
    from safetensors.torch import load_file

    _check_tuned(run)
    recipe = run.recipe
    task, method = TASKS.get(recipe.task.kind), METHODS.get(recipe.method.kind)
    if (run.tuned / FRESH).is_file():
        _put(base, load_file(str(run.tuned / FRESH)))
    if method.adapter:
        made = method.restore(_adapted(run, base, name), run.tuned)
    elif method.stores == "model":
        made = base
    else:
        made = method.apply(base, task, recipe.method)
        own(made, [key for key, value in made.named_parameters() if value.requires_grad])
        made = method.restore(made, run.tuned)
    return (made if step is None else _at_step(run, made, name, step)).eval()


def add_adapter(run: Run, model: Any, name: str, step: int | None = None) -> None:
    """One more adapter of the same kind in a PeftModel."""
    _check_tuned(run)
    model.load_adapter(str(run.tuned), name, use_safetensors=True, torch_device=str(model.device))
    if step is not None:
        _at_step(run, model, name, step)
    model.eval()


def _at_step(run: Run, model: Any, name: str, step: int) -> Any:
    """What was trained as it stood at a step."""
    from safetensors.torch import load_file

    path = checkpoint_file(run, step)
    if not path.is_file():
        raise UserError(
            f"{run.id} has no checkpoint of step {step} any more.",
            f"{run.id} 已没有第 {step} 步的检查点。",
            field="model",
        )
    _put(model, {_DEFAULT.sub(f".{name}", key): value for key, value in load_file(str(path)).items()})
    return model


def checkpoint_file(run: Run, step: int) -> Path:
    """Where the trained tensors of a step lie."""
    return run.checkpoints / f"step-{step}" / "trained.safetensors"


def _put(model: Any, found: dict[str, Any]) -> None:
    """Tensors into their places, which become the model's own; UserError where one has no place."""
    places = dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers(remove_duplicate=False))
    odd = [key for key, value in found.items() if key not in places or places[key].shape != value.shape]
    if odd:
        raise UserError(
            f"The saved tensors do not fit the model: {odd[0]} and {len(odd) - 1} more.",
            f"保存的张量与模型不符：{odd[0]} 等 {len(odd)} 个。",
            field="model",
        )
    own(model, found)
    model.load_state_dict(found, strict=False)


def _check_tuned(run: Run) -> None:
    if not run.tuned.is_dir():
        raise UserError(
            f"{run.id} has no tuned model yet: it is {run.status}. Choose a finished run.",
            f"{run.id} 还没有微调后的模型（状态：{run.status}）。请选择已完成的任务。",
            field="run",
        )
    for path in run.tuned.glob("*.safetensors"):
        header(path)


def load_options(run: Run) -> dict[str, Any]:
    """The head's options the run was trained with (its labels, for instance)."""
    options = read_json(run.tuned / OPTIONS) or {}
    if "id2label" in options:
        options["id2label"] = {int(key): value for key, value in options["id2label"].items()}
    return dict(options)


def _adapted(run: Run, base: Any, name: str) -> Any:
    device = base.device
    made = with_adapter(base, run.tuned, name)
    return made if getattr(base, "is_loaded_in_4bit", False) else made.to(device)


def with_adapter(base: Any, folder: Path, name: str = "default") -> Any:
    """A base under an adapter, as plain PEFT loads it from its folder: safetensors only, which PEFT itself does not insist on."""
    from peft import PeftModel

    weights = folder / ADAPTER
    if not weights.is_file():
        raise only_pickles([path.name for path in folder.iterdir()], folder.name)
    header(weights)
    return PeftModel.from_pretrained(base, str(folder), adapter_name=name, use_safetensors=True).eval()


def tuned_tokenizer(run: Run) -> Any:
    """The tokenizer saved with a run; chat models always have a template."""
    tokenizer = load_tokenizer(run.tuned)
    if TASKS.get(run.recipe.task.kind).talks:
        ensure_chat_template(tokenizer)
    return tokenizer


def _headless(folder: Path, task: Task) -> UserError:
    kind = shorten(read_config(folder).get("model_type"))
    return UserError(
        f"model.id: “{folder.name}” is a {kind} model, and transformers has no {task.label.en} head for those. Choose "
        "another model, or another task.",
        f"model.id：“{folder.name}”是 {kind} 模型，transformers 没有适用于它的“{task.label.zh}”任务头。请改选模型或任务。",
        field="model.id",
    )


def _unreadable(folder: Path, what: str, error: Exception) -> UserError:
    reason = shorten(str(error).strip().split("\n")[0], 160)
    return UserError(
        f"model.id: the {what} in “{folder.name}” cannot be loaded: {reason}. Choose a folder or id with config.json, "
        "tokenizer files and safetensors weights of an architecture that transformers knows.",
        f"model.id：无法加载“{folder.name}”中的{'分词器' if what == 'tokenizer' else '模型'}：{reason}。"
        "请选择含 config.json、分词器文件和 safetensors 权重且 transformers 支持的模型。",
        field="model.id",
    )
