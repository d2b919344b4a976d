"""One plain model in safetensors, as every program that knows transformers reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from workbench.core.files import write_text
from workbench.core.knob import Section, knob
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.engine.card import written
from workbench.engine.taking import DTYPES, EXPORTS, Export, ExportSection, mergeable, parameters
from workbench.models.facts import read_config

LIMITS = {"fp32": 1e-4, "bf16": 5e-2}
USAGE = """```python
from transformers import AutoTokenizer, {auto}

model = {auto}.from_pretrained("THIS FOLDER")
tokenizer = AutoTokenizer.from_pretrained("THIS FOLDER")
```"""


class MergedSection(ExportSection):
    """In which numbers."""

    dtype: str = knob(
        "fp32",
        Text("Numbers", "数值格式"),
        Text(
            "bf16 takes half the room; answers differ in the third digit. "
            "Take it for serving on GPUs; keep fp32 where answers must be the same to the last digit.",
            "bf16 只占一半空间；结果在第三位数字上略有差别。在 GPU 上提供服务时选它；要求结果逐位相同时保留 fp32。",
        ),
        choices=DTYPES,
    )


@EXPORTS.add
class Merged(Export):
    """Base and adapter as one model."""

    kind: ClassVar[str] = "merged"
    label: ClassVar[Text] = Text("Merged model", "合并后的模型")
    help: ClassVar[Text] = Text(
        "One whole model in safetensors: for Transformers, vLLM, SGLang and most other tools. As large as the base.",
        "一个完整的 safetensors 模型：用于 Transformers、vLLM、SGLang 等多数工具。与基础模型一样大。",
    )
    order: ClassVar[int] = 2
    section: ClassVar[type[Section]] = MergedSection

    def fits(self, run: Run, config: dict[str, Any]) -> Text | None:
        """Where the method can be merged."""
        return mergeable(run)

    def limit(self, section: Any) -> float | None:
        """fp32 adds in another order; bf16 rounds to 8 bits."""
        return LIMITS[section.dtype]

    def write(self, source: Any, section: Any, folder: Path) -> None:
        """A result on a quantised base goes onto the base in full precision."""
        from workbench.models.loading import save_whole

        model = source.merged()
        save_whole(model.bfloat16() if section.dtype == "bf16" else model, source.tokenizer(), folder)
        auto = source.task.head(read_config(source.base))
        write_text(folder / "README.md", written(source.run, USAGE.format(auto=auto), merged=True))

    def reload(self, source: Any, section: Any, folder: Path) -> tuple[Any, Any]:
        """By transformers alone, in its own numbers."""
        from workbench.models.loading import load_model, load_tokenizer

        return load_model(folder, source.task, {}, source.device, section.dtype).eval(), load_tokenizer(folder)

    def further(self, source: Any, section: Any, folder: Path, model: Any) -> list[dict[str, Any]]:
        """Whether embeddings that are one matrix still are, and whether every weight was in the files."""
        return [*tied(model), *complete(model)]

    def megabytes(self, run: Run, section: Any) -> float:
        """By the number of parameters the run told."""
        return parameters(run) * (2 if section.dtype == "bf16" else 4) / 1e6


def tied(model: Any) -> list[dict[str, Any]]:
    """Input and output embeddings that share their numbers in the config share them after a reload."""
    head = model.get_output_embeddings()
    if head is None or not getattr(model.config.get_text_config(), "tie_word_embeddings", False):
        return []
    same = bool((head.weight == model.get_input_embeddings().weight).all())
    what = ("Tied embeddings are one matrix", "共享的词嵌入仍是同一个矩阵")
    return [{"what": what, "run": "✓", "export": "✓" if same else "✗", "ok": same}]


def complete(model: Any) -> list[dict[str, Any]]:
    """A weight that the files lack would start at random."""
    lacking = len(model.fresh_parameters)
    what = ("Weights missing from the files", "文件中缺少的权重")
    return [{"what": what, "run": "0", "export": str(lacking), "ok": not lacking}]
