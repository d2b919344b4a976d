"""The merged model in 8 or 4 bits by bitsandbytes, in transformers' own format."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, ClassVar

from workbench.core.errors import UserError
from workbench.core.files import write_text
from workbench.core.knob import Section, knob
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.engine.card import written
from workbench.engine.taking import EXPORTS, Export, ExportSection, mergeable, parameters
from workbench.models.facts import read_config

BLOCK = 64
USAGE = """```python
# pip install bitsandbytes
from transformers import AutoTokenizer, {auto}

model = {auto}.from_pretrained("THIS FOLDER")  # config.json says how the weights are held
tokenizer = AutoTokenizer.from_pretrained("THIS FOLDER")
```"""


class QuantizedSection(ExportSection):
    """How many bits."""

    bits: int = knob(
        8,
        Text("Bits per weight", "每个权重的位数"),
        Text(
            "4 bits are half as large again and lose a little more. "
            "Begin with 8; take 4 where memory is short, and look at the parity check.",
            "4 位再小一半，损失也稍大。先用 8 位；内存紧张时用 4 位，并查看核对结果。",
        ),
        choices=((8, Text("8 bits (LLM.int8)", "8 位（LLM.int8）")), (4, Text("4 bits (NF4)", "4 位（NF4）"))),
    )


@EXPORTS.add
class Quantized(Export):
    """Fewer bits per weight."""

    kind: ClassVar[str] = "quantized"
    label: ClassVar[Text] = Text("Quantised model (8 or 4 bits)", "量化模型（8 位或 4 位）")
    help: ClassVar[Text] = Text(
        "The merged model at a quarter or an eighth of its size, for Transformers with bitsandbytes. Judged by its score: rounding changes answers.",
        "合并后的模型，体积为四分之一或八分之一，用于装有 bitsandbytes 的 Transformers。按得分判断：舍入会改变部分回答。",
    )
    order: ClassVar[int] = 3
    section: ClassVar[type[Section]] = QuantizedSection
    packages: ClassVar[tuple[str, ...]] = ("bitsandbytes",)
    extra: ClassVar[str] = "quantized"

    def fits(self, run: Run, config: dict[str, Any]) -> Text | None:
        """Where the method can be merged."""
        return mergeable(run)

    def limit(self, section: Any) -> float | None:
        """Rounding this coarse is judged by the metric."""
        return None

    def margin(self, section: Any) -> float:
        """A tenth for 4 bits, a twentieth for 8."""
        return 0.1 if section.bits == 4 else 0.05

    def write(self, source: Any, section: Any, folder: Path) -> None:
        """Merge in full, then read it back in fewer bits."""
        from workbench.models.loading import load_model, save_whole

        with tempfile.TemporaryDirectory(dir=folder) as whole:  # a part of what is swept, should this be killed
            save_whole(source.merged(), source.tokenizer(), Path(whole))
            model = load_model(Path(whole), source.task, {"quantization_config": config(section.bits)}, source.device)
            check_widths(model, source.device)
            save_whole(model, source.tokenizer(), folder)
        auto = source.task.head(read_config(source.base))
        write_text(folder / "README.md", written(source.run, USAGE.format(auto=auto), merged=True))

    def reload(self, source: Any, section: Any, folder: Path) -> tuple[Any, Any]:
        """The config says how."""
        from workbench.models.loading import load_model, load_tokenizer

        return load_model(folder, source.task, {}, source.device).eval(), load_tokenizer(folder)

    def further(self, source: Any, section: Any, folder: Path, model: Any) -> list[dict[str, Any]]:
        """How many layers really are held in few bits."""
        names = [name for name, part in model.named_modules() if type(part).__name__ in ("Linear4bit", "Linear8bitLt")]
        what = ("Layers held in few bits", "量化的层数")
        return [{"what": what, "run": "–", "export": str(len(names)), "ok": bool(names)}]

    def megabytes(self, run: Run, section: Any) -> float:
        """By the number of parameters; embeddings and heads stay as they are."""
        return parameters(run) * section.bits / 8e6


def config(bits: int) -> Any:
    """transformers' BitsAndBytesConfig; heads stay as they are."""
    import torch
    from transformers import BitsAndBytesConfig

    from workbench.methods import HEADS

    kept = [*HEADS, "lm_head", "cls"]
    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=kept)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32, llm_int8_skip_modules=kept)  # fmt: skip


def check_widths(model: Any, device: str) -> None:
    """bitsandbytes' CPU code takes rows in blocks of 64."""
    odd = [
        name for name, part in model.named_modules() if type(part).__name__ == "Linear4bit" and part.in_features % BLOCK
    ]
    if odd and device == "cpu":
        raise UserError(
            f"On a CPU, 4-bit weights need layers whose width is a multiple of {BLOCK}; “{odd[0]}” is not. Choose 8 bits.",
            f"在 CPU 上，4 位权重要求层宽为 {BLOCK} 的倍数；“{odd[0]}”不是。请选择 8 位。",
            field="bits",
        )
