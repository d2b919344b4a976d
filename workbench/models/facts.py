"""What a model folder is, read from its JSON files and safetensors headers alone: no torch, no weights in memory."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.files import read_json

FIELD = "model.id"
HEADER_LIMIT = 100_000_000
BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U8": 8, "BOOL": 8}
NOT_PARAMETERS = ("I64", "BOOL")
PICKLES = (
    ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".npy", ".npz", ".joblib", ".mdl", ".h5", ".keras", ".msgpack",
)  # fmt: skip


@dataclass(frozen=True)
class ModelFacts:
    """What a person may want to know before choosing a model."""

    architecture: str
    parameters: int
    context_length: int | None
    vocabulary: int | None
    has_chat_template: bool
    bytes: int


def check_folder(folder: Path) -> None:
    """UserError unless `folder` holds a model that can be loaded: a config, sound safetensors, nothing that leads elsewhere. Whether code
    it brings may run is another question (workbench.models.consent)."""
    if not folder.is_dir():
        raise _error(f"there is no folder {folder}.", f"没有文件夹 {folder}。")
    _refuse_adapter(folder)
    _refuse_detours(folder, read_config(folder))
    for path in weight_files(folder):
        header(path)


def _refuse_adapter(folder: Path) -> None:
    adapter = read_json(folder / "adapter_config.json")
    if isinstance(adapter, dict) and not (folder / "config.json").is_file():
        base = shorten(adapter.get("base_model_name_or_path") or "?")
        raise _error(
            f"{folder.name} is an adapter, not a whole model; its base is “{base}”. Choose the base instead.",
            f"{folder.name} 是适配器，不是完整模型；它的基础模型是“{base}”。请改选基础模型。",
        )


def _refuse_detours(folder: Path, config: dict[str, Any]) -> None:
    """Settings by which transformers would read other weights than those that were looked at (a file of any kind by name, an adapter
    beside the model), or would fetch a compiled kernel from the Hub."""
    kernels = [str(value) for value in _attention(config) if "/" in str(value)]
    found = "transformers_weights" if config.get("transformers_weights") else shorten(kernels[0]) if kernels else ""
    if (folder / "adapter_config.json").is_file():
        found = "adapter_config.json"
    if found:
        raise _error(
            f"{folder.name} would load something else than its own safetensors ({found}); that is not done here. Take it out, if you trust the rest.",
            f"{folder.name} 会加载自身 safetensors 以外的内容（{found}）；这里不允许。如果你信任其余内容，请先将它移除。",
        )


def _attention(value: Any) -> Iterator[Any]:
    """What any part of the config says about how to attend and how to run experts."""
    if isinstance(value, dict):
        for key, item in value.items():
            if str(key).endswith(("attn_implementation", "attn_implementation_internal", "experts_implementation")):
                yield from item.values() if isinstance(item, dict) else [item]
            else:
                yield from _attention(item)


def read_config(folder: Path) -> dict[str, Any]:
    """config.json as a mapping, or UserError."""
    path = folder / "config.json"
    if not path.is_file():
        raise _error(
            f"{folder.name} has no config.json, so it is not a model folder; choose one made by save_pretrained.",
            f"{folder.name} 中没有 config.json，不是模型文件夹；请选择由 save_pretrained 保存的文件夹。",
        )
    config = read_json(path)
    if not isinstance(config, dict):
        raise _error(
            f"{folder.name}/config.json is not a JSON object; fetch the file again.",
            f"{folder.name}/config.json 不是 JSON 对象；请重新获取该文件。",
        )
    return config


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that make up the model, or UserError where there are none or a shard is missing."""
    single = folder / "model.safetensors"
    if single.is_file():
        return [single]
    index = read_json(folder / "model.safetensors.index.json")
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if isinstance(shards, dict) and shards:
        return [_shard(folder, str(name)) for name in sorted({str(value) for value in shards.values()})]
    raise only_pickles([path.name for path in folder.iterdir()], folder.name)


def _shard(folder: Path, name: str) -> Path:
    path = folder / name
    if name != Path(name).name or not name.endswith(".safetensors"):
        raise _error(
            f"{folder.name} names {shorten(name)} as a part of its weights; only safetensors files beside the index are read.",
            f"{folder.name} 把 {shorten(name)} 列为权重的一部分；只读取与索引同在一处的 safetensors 文件。",
        )
    if not path.is_file():
        raise _error(
            f"{folder.name} is incomplete: {shorten(name)} is named in the index and missing. Fetch it again.",
            f"{folder.name} 不完整：索引中列出的 {shorten(name)} 缺失。请重新获取。",
        )
    return path


def only_pickles(names: list[str], model: str) -> UserError:
    """The refusal of a model without safetensors, saying which files it has instead."""
    found = [name for name in names if name.endswith(PICKLES)]
    if found:
        listed = shorten(", ".join(sorted(found)), 80)
        return _error(
            f"{model} has its weights only as {listed}. Such files can run code when opened and are never opened "
            "here; convert the model to safetensors or choose one that has model.safetensors.",
            f"{model} 的权重只有 {listed}。这类文件在打开时可能执行代码，本工作台从不打开；"
            "请把模型转换为 safetensors，或选择带有 model.safetensors 的模型。",
        )
    return _error(
        f"{model} has no weights (no model.safetensors); choose a folder or repository that has them.",
        f"{model} 中没有权重（没有 model.safetensors）；请选择包含权重的文件夹或仓库。",
    )


def header(path: Path) -> dict[str, Any]:
    """The tensors a safetensors file declares, checked against its size; UserError when it is damaged."""
    try:
        tensors = _read_header(path)
        _check_offsets(tensors, path.stat().st_size - _prefix(path))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = shorten(str(error), 100)
        raise _error(
            f"{path.name} is not a sound safetensors file ({reason}); it is damaged or cut short. Fetch it again.",
            f"{path.name} 不是完好的 safetensors 文件（{reason}）；文件已损坏或被截断。请重新获取。",
        ) from error
    return tensors


def _prefix(path: Path) -> int:
    with path.open("rb") as stream:
        return 8 + int.from_bytes(stream.read(8), "little")


def _read_header(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(size - 8, HEADER_LIMIT):
            raise ValueError(f"header of {length} bytes in a file of {size}")
        tensors = json.loads(stream.read(length))
    if not isinstance(tensors, dict):
        raise ValueError("header is no mapping")
    tensors.pop("__metadata__", None)
    return tensors


def _check_offsets(tensors: dict[str, Any], size: int) -> None:
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda pair: pair[1]["data_offsets"]):
        first, last = tensor["data_offsets"]
        if first != end or last < first:
            raise ValueError(f"offsets of {shorten(name)}")
        bits = BITS.get(tensor["dtype"])
        if bits and math.prod(tensor["shape"]) * bits != (last - first) * 8:
            raise ValueError(f"size of {shorten(name)}")
        end = last
    if end != size:
        raise ValueError(f"{size} bytes of data where {end} are declared")


def facts(folder: Path) -> ModelFacts:
    """What the model in `folder` is; the folder is checked on the way."""
    check_folder(folder)
    config, files = read_config(folder), weight_files(folder)
    names = config.get("architectures") or [config.get("model_type", "?")]
    tensors = [tensor for path in files for tensor in header(path).values()]
    return ModelFacts(
        architecture=str(names[0]),
        parameters=sum(math.prod(each["shape"]) for each in tensors if each["dtype"] not in NOT_PARAMETERS),
        context_length=_number(config, "max_position_embeddings", "n_positions", "n_ctx"),
        vocabulary=_number(config, "vocab_size"),
        has_chat_template=_has_template(folder),
        bytes=sum(path.stat().st_size for path in files),
    )


def _number(config: dict[str, Any], *names: str) -> int | None:
    """The first of these settings that is a number; models that see and speak keep theirs under text_config."""
    inner = config.get("text_config")
    for place in (config, inner if isinstance(inner, dict) else {}):
        for name in names:
            if isinstance(place.get(name), int):
                return int(place[name])
    return None


def _has_template(folder: Path) -> bool:
    settings = read_json(folder / "tokenizer_config.json")
    inline = isinstance(settings, dict) and bool(settings.get("chat_template"))
    return inline or (folder / "chat_template.jinja").is_file()


def _error(en: str, zh: str) -> UserError:
    return UserError(f"Model: {en}", f"模型：{zh}", field=FIELD)
