"""The adapter alone: small files beside a base. Where PEFT has the method, plain PEFT loads them; where the method is ours, it is said."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, ClassVar

from workbench.core.files import read_json, write_json, write_text
from workbench.core.method import METHODS
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.engine.card import written
from workbench.engine.taking import EXPORTS, Export

FRESH, CONFIG = "fresh.safetensors", "adapter_config.json"
PLAIN = """
from transformers import AutoTokenizer, {auto}
from peft import PeftModel

base = {auto}.from_pretrained({base!r}{options})
model = PeftModel.from_pretrained(base, "THIS FOLDER")
tokenizer = AutoTokenizer.from_pretrained("THIS FOLDER")
"""
OVERLAID = """
from safetensors.torch import load_file
from transformers import AutoTokenizer, {auto}

model = {auto}.from_pretrained({base!r}{options})
model.load_state_dict(load_file("THIS FOLDER/selected.safetensors"), strict=False)
tokenizer = AutoTokenizer.from_pretrained("THIS FOLDER")
"""
OURS = Text(
    "This method is this workbench's own: PEFT has none like it. `selected.safetensors` holds the tensors; the script export "
    "(`export RUN --to script`) has the few lines that put them to work.",
    "这种方法是本工作台自己的，PEFT 中没有。张量在 `selected.safetensors` 中；脚本导出（`export RUN --to script`）里有使用它的几行代码。",
)


@EXPORTS.add
class Adapter(Export):
    """What was trained, without the base."""

    kind: ClassVar[str] = "adapter"
    label: ClassVar[Text] = Text("Adapter", "适配器")
    help: ClassVar[Text] = Text(
        "The trained part alone, a few MB: for PEFT, vLLM or a later merge. Needs the base model beside it.",
        "只含训练出的部分，几 MB：用于 PEFT、vLLM 或以后合并。使用时还需要基础模型。",
    )
    order: ClassVar[int] = 1
    full: ClassVar[bool] = False

    def fits(self, run: Run, config: dict[str, Any]) -> Text | None:
        """Not where a whole model was trained."""
        if METHODS.get(run.recipe.method.kind).stores == "model":
            return Text(
                "Full fine-tuning changed the whole model, so there is no adapter; take the merged model.",
                "全量微调改变了整个模型，没有适配器；请导出合并后的模型。",
            )
        return None

    def write(self, source: Any, section: Any, folder: Path) -> None:
        """The run's files; parameters that started at random and were not trained go into PEFT's own file."""
        shutil.copytree(source.run.tuned, folder, dirs_exist_ok=True)
        if source.method.adapter and (folder / FRESH).is_file():
            fold(folder, source.tuned().get_base_model())
        config = read_json(folder / CONFIG)
        if isinstance(config, dict):
            write_json(folder / CONFIG, {**config, "base_model_name_or_path": source.hub_name[0]})
        write_text(folder / "README.md", written(source.run, usage(source)))

    def reload(self, source: Any, section: Any, folder: Path) -> tuple[Any, Any]:
        """By plain PEFT where it has the method."""
        from workbench.models.loading import load_model, load_tokenizer, with_adapter

        options = {**source.options(), **source.method.loading(source.recipe.method)}
        base = load_model(source.base, source.task, options, source.device)
        if source.method.adapter:
            return with_adapter(base, folder), load_tokenizer(folder)
        applied = source.method.apply(base, source.task, source.recipe.method)
        return source.method.restore(applied, folder).eval(), load_tokenizer(folder)


def fold(folder: Path, base: Any) -> None:
    """fresh.safetensors into adapter_model.safetensors, its modules into modules_to_save: plain PEFT knows no other file, and wants a
    module whole."""
    from safetensors.torch import load_file, save_file

    path, config = folder / "adapter_model.safetensors", read_json(folder / CONFIG)
    names = {name.rpartition(".")[0] for name in load_file(str(folder / FRESH))}
    outer = {name for name in names if not any(name.startswith(f"{other}.") for other in names)}
    whole = {f"base_model.model.{name}": value.detach().cpu().clone() for name, value in base.state_dict().items() if name.startswith(tuple(f"{each}." for each in outer))}  # fmt: skip
    config["modules_to_save"] = sorted({*(config.get("modules_to_save") or ()), *outer})
    save_file({**load_file(str(path)), **whole}, str(path))
    write_json(folder / CONFIG, config)
    (folder / FRESH).unlink()


def usage(source: Any) -> str:
    """How it is loaded without this workbench."""
    from workbench.models.facts import read_config

    head = {"auto": source.task.head(read_config(source.base)), "base": source.hub_name[0], "options": spelled(source.options())}  # fmt: skip
    if source.method.kind == "adapter":
        return f"{OURS.en}\n\n{OURS.zh}"
    return f"```python{(PLAIN if source.method.adapter else OVERLAID).format(**head)}```"


def spelled(options: dict[str, Any]) -> str:
    """Options of the head as arguments."""
    return "".join(f", {name}={value!r}" for name, value in options.items())
