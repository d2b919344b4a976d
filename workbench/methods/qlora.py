"""QLoRA: LoRA on a base held in 4 bits (Dettmers et al., 2023, arXiv:2305.14314), through PEFT and bitsandbytes."""

from __future__ import annotations

import importlib.util
from typing import Any

from workbench.core.errors import UserError
from workbench.core.knob import knob
from workbench.core.method import METHODS, Config
from workbench.core.task import Task
from workbench.core.text import Text
from workbench.methods import HEADS, LowRankSection, PeftMethod, targets

BLOCK = 64


class QLoraSection(LowRankSection):
    """LoRA's knobs and the 4-bit format."""

    kind: str = "qlora"
    bnb_4bit_quant_type: str = knob(
        "nf4",
        Text("4-bit format", "4 位格式"),
        Text(
            "How a weight is told in 4 bits; NF4 fits trained weights best. "
            "Change it only to compare; both take the same memory.",
            "如何用 4 位表示权重；NF4 最贴合训练好的权重。只为比较时才更改；两者占用相同。",
        ),
        choices=(("nf4", Text("NF4", "NF4")), ("fp4", Text("FP4", "FP4"))),
        advanced=True,
    )
    bnb_4bit_use_double_quant: bool = knob(
        True,
        Text("Double quantisation", "二次量化"),
        Text(
            "The scales of the 4-bit blocks are compressed too: about 0.4 bit less per weight. "
            "Leave it on: it saves memory, and steps are hardly slower.",
            "连 4 位分块的缩放系数也压缩：每个权重约再省 0.4 位。保持打开：省内存，几乎不变慢。",
        ),
        advanced=True,
    )


@METHODS.add
class QLora(PeftMethod):
    """Low-rank adaptation of a quantised model."""

    kind = "qlora"
    order = 3
    label = Text("QLoRA (4-bit)", "量化 LoRA（QLoRA，4 位）")
    help = Text(
        "LoRA on a model held in 4 bits: a quarter of the memory for its weights, a little slower.",
        "在 4 位存储的模型上做 LoRA：权重只占四分之一内存，稍慢。",
    )
    section = QLoraSection
    suggests = {"training.learning_rate": 2e-4}
    conv1d = False
    quantised = True
    unmergeable = Text(
        "The base is held in 4 bits; load it in full precision with this adapter, then merge.",
        "基座以 4 位存储；请以全精度加载基座和此适配器后再合并。",
    )

    def fits(self, task: Task, config: Config | None = None) -> Text | None:
        """Needs bitsandbytes, which also runs on a CPU."""
        if importlib.util.find_spec("bitsandbytes") is None:
            return Text(
                "QLoRA needs the package bitsandbytes; install the extra “quantized” (pip install -e .[quantized]), or choose LoRA.",
                "QLoRA 需要 bitsandbytes；请安装可选组件 quantized（pip install -e .[quantized]），或改用 LoRA。",
            )
        return super().fits(task, config)

    def loading(self, section: Any) -> dict[str, Any]:
        """transformers' BitsAndBytesConfig; the heads stay as they are."""
        import torch
        from transformers import BitsAndBytesConfig

        half = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
        return {
            "quantization_config": BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type=section.bnb_4bit_quant_type,
                bnb_4bit_use_double_quant=section.bnb_4bit_use_double_quant,
                bnb_4bit_compute_dtype=torch.bfloat16 if half else torch.float32,
                llm_int8_skip_modules=[*HEADS, "lm_head", "cls"],
            )
        }

    def config(self, model: Any, section: Any) -> Any:
        """peft.LoraConfig on the quantised layers."""
        from peft import LoraConfig, prepare_model_for_kbit_training

        names = targets(model, section.target_modules)
        if getattr(model, "is_loaded_in_4bit", False):
            _check_widths(model, names)
            prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
        return LoraConfig(
            r=section.rank,
            lora_alpha=section.lora_alpha,
            lora_dropout=section.lora_dropout,
            target_modules=names,
        )


def _check_widths(model: Any, names: list[str]) -> None:
    """bitsandbytes' CPU code takes rows in blocks of 64."""
    odd = [name for name in names if model.get_submodule(name).in_features % BLOCK]
    if odd and model.device.type == "cpu":
        raise UserError(
            f"method.kind: on a CPU, 4-bit weights need layers whose width is a multiple of {BLOCK}; “{odd[0]}” is not. "
            "Choose LoRA, or another model.",
            f"method.kind：在 CPU 上，4 位权重要求层宽为 {BLOCK} 的倍数；“{odd[0]}”不是。请改用 LoRA 或其他模型。",
            field="method.kind",
        )
