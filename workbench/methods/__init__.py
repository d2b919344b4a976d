"""A file per method. Siblings never import one another; what they share is here: how parts of a model are found by the
names their families give them, and the two ways a method is built (through PEFT, or by thawing some parameters)."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from workbench.core.errors import UserError
from workbench.core.family import family, told
from workbench.core.knob import knob
from workbench.core.method import Config, Method, MethodSection
from workbench.core.task import Task
from workbench.core.text import Text

ALL = "all-linear"
HEADS = ("classifier", "score", "classification_head", "qa_outputs")
"""What transformers calls the heads it puts on a model for a task; they start at random, so every method trains them."""
SELECTED = "selected.safetensors"
_IN_BLOCK = re.compile(r"\.\d+\.")


class TargetedSection(MethodSection):
    """A method that sits on chosen modules."""

    target_modules: str = knob(
        ALL,
        Text("Target modules", "目标模块"),
        Text(
            "all-linear (every linear layer of every block), or names separated by commas, e.g. query,value or "
            "q_proj,v_proj. "
            "Fewer modules train faster and take less memory; all-linear usually learns best.",
            "all-linear（每一层的全部线性层），或用逗号分隔的模块名，例如 query,value 或 q_proj,v_proj。"
            "模块越少，训练越快、越省内存；all-linear 通常学得最好。",
        ),
        advanced=True,
        example=ALL,
    )


class LowRankSection(TargetedSection):
    """Two thin matrices beside each weight; names are peft.LoraConfig's where it has them."""

    rank: int = knob(
        16,
        Text("Rank", "秩"),
        Text(
            "Width of the added matrices. 8–32 suits most tasks; more can learn more and costs little.",
            "新增矩阵的宽度。多数任务用 8–32；更大能学更多，代价不大。",
        ),
        ge=1,
        le=1024,
        example="16",
    )
    lora_alpha: int = knob(
        32,
        Text("Alpha", "缩放系数"),
        Text(
            "Strength of the added matrices: their output is multiplied by alpha ÷ rank. "
            "Twice the rank is a good beginning; raising it acts like a higher learning rate and costs nothing.",
            "新增矩阵的力度：其输出乘以 alpha ÷ rank。从秩的两倍开始就好；调大相当于提高学习率，不增加开销。",
        ),
        ge=1,
        le=4096,
        advanced=True,
        example="32",
    )
    lora_dropout: float = knob(
        0.0,
        Text("Dropout", "随机失活"),
        Text(
            "Share of the added inputs dropped at random, against overfitting. "
            "Try 0.05 to 0.1 on few rows; it costs nothing but slower learning.",
            "随机丢弃新增部分输入的比例，用于减轻过拟合。数据少时可试 0.05 到 0.1；除了学得慢些，没有开销。",
        ),
        ge=0,
        lt=1,
        advanced=True,
        example="0.05",
    )


class VirtualSection(MethodSection):
    """Learned positions in front of the text."""

    num_virtual_tokens: int = knob(
        20,
        Text("Virtual tokens", "虚拟词元数"),
        Text(
            "Learned positions put in front of every text. They take room of the model's context; 10–100 is usual.",
            "放在每段文字之前、可学习的位置数。会占用上下文长度；常用 10–100。",
        ),
        ge=1,
        le=1024,
        example="20",
    )


class PeftMethod(Method):
    """A method that PEFT has: `config` says which; heads that start at random are trained and saved along."""

    kinds: ClassVar[tuple[str, ...]] = ("encoder", "decoder", "pair")
    """Kinds of model it works on."""
    conv1d: ClassVar[bool] = True
    """Whether it works on GPT-2's transposed linear layers."""

    @abstractmethod
    def config(self, model: Any, section: Any) -> Any:
        """The PeftConfig, without task type and heads."""

    def fits(self, task: Task, config: Config | None = None) -> Text | None:
        """By the kind of model and, for GPT-2, of its layers."""
        if config is None:
            return None
        if family(config) not in self.kinds:
            able = told(self.kinds)
            return Text(
                f"{self.label.en} works on {able.en} only; choose another method or model.",
                f"{self.label.zh}只适用于{able.zh}；请改选方法或模型。",
            )
        if not self.conv1d and config.get("model_type") in ("gpt2", "openai-gpt"):
            return Text(
                f"{self.label.en}: PEFT cannot put it on GPT-2's transposed layers (Conv1D); LoRA works there.",
                f"{self.label.zh}：PEFT 不支持 GPT-2 的转置线性层（Conv1D）；那里可用 LoRA。",
            )
        return None

    def apply(self, model: Any, task: Task, section: Any) -> Any:
        """Wrap the model with PEFT."""
        from peft import TaskType, get_peft_model

        config = self.config(model, section)
        wanted = task.peft_kind(model)
        config.task_type = TaskType[wanted] if wanted else None
        config.modules_to_save = heads(model) or None
        return get_peft_model(model, config)

    def merge(self, model: Any) -> Any:
        """Heads first come out of their wrappers: PEFT's own way back fails on heads of more than one layer."""
        from peft.utils import ModulesToSaveWrapper

        base = model.get_base_model()
        for name, part in list(base.named_modules()):
            if isinstance(part, ModulesToSaveWrapper):
                parent, _, last = name.rpartition(".")
                setattr(base.get_submodule(parent), last, part.modules_to_save[part.active_adapters[0]])
        return model.merge_and_unload()


class VirtualMethod(PeftMethod):
    """Learned positions in front of the text; the model itself stays as it is."""

    inside: ClassVar[bool] = True
    """Whether the positions lie among the text's own, so that an answer per position no longer lines up."""
    unmergeable = Text(
        "The result is positions in front of the text, not a change of weights; keep it as an adapter.",
        "结果是文字前面的若干位置，而不是权重的改变；请保留为适配器。",
    )

    def fits(self, task: Task, config: Config | None = None) -> Text | None:
        """Not where every position must be predicted, nor where transformers takes no embeddings as input."""
        if not task.peft_type or (self.inside and task.peft_type == "TOKEN_CLS"):
            return Text(
                f"{self.label.en} does not go with {task.label.en}: PEFT does not line up answers per word with positions put in front.",
                f"{self.label.zh}不适用于{task.label.zh}：在文字前加位置后，PEFT 无法对齐逐词的答案。",
            )
        if self.inside and task.loop == "preference" and task.peft_type == "CAUSAL_LM":
            return Text(
                f"{self.label.en} does not go with {task.label.en}: TRL's losses do not count positions put in front. Choose prefix tuning or LoRA.",
                f"{self.label.zh}不适用于{task.label.zh}：TRL 的损失不计入加在前面的位置。请改用前缀微调或 LoRA。",
            )
        if config is not None and family(config) == "pair" and task.peft_type not in ("SEQ_2_SEQ_LM", "CAUSAL_LM"):
            return Text(
                f"{self.label.en} does not go with {task.label.en} on encoder-decoder models; choose LoRA.",
                f"{self.label.zh}不适用于编码器–解码器模型上的{task.label.zh}；请改用 LoRA。",
            )
        return super().fits(task, config)


class SelectedMethod(Method):
    """Some of the model's own parameters (and what a method adds to it) are trained; the result is just those tensors."""

    stores = "selected"

    @abstractmethod
    def choose(self, model: Any, section: Any) -> Callable[[str], bool]:
        """Whether a parameter of that name is trained, beside the heads."""

    def apply(self, model: Any, task: Task, section: Any) -> Any:
        """Freeze all but the chosen and the heads; UserError when nothing of this model is chosen."""
        wanted = self.choose(model, section)
        fresh = {*getattr(model, "fresh_parameters", ())}
        found = 0
        for name, value in model.named_parameters():
            chosen = wanted(name)
            found += chosen
            value.requires_grad_(chosen or name in fresh or name.partition(".")[0] in HEADS)
        if not found:
            raise UserError(
                f"method.kind: this model has no parameters for {self.label.en}; choose another method.",
                f"method.kind：这个模型没有可供“{self.label.zh}”训练的参数；请改选方法。",
                field="method.kind",
            )
        return model

    def save(self, model: Any, folder: Path) -> None:
        """The trained tensors."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        state = {name: value for name, value in model.named_parameters() if value.requires_grad}
        save_file({name: value.detach().cpu().contiguous() for name, value in state.items()}, str(folder / SELECTED))

    def restore(self, model: Any, folder: Path) -> Any:
        """Lay the tensors over the base."""
        from safetensors.torch import load_file

        model.load_state_dict(load_file(str(folder / SELECTED)), strict=False)
        return model


def heads(model: Any) -> list[str]:
    """Names of the task heads among the model's own parts."""
    return [name for name, _ in model.named_children() if name in HEADS]


def linear_layers(model: Any) -> list[str]:
    """Full names of every linear layer inside a repeated block: no heads, no embeddings, no poolers."""
    return [name for name, module in model.named_modules() if _IN_BLOCK.search(name) and _is_linear(module)]


def _is_linear(module: Any) -> bool:
    import torch
    from transformers.pytorch_utils import Conv1D

    return isinstance(module, (torch.nn.Linear, Conv1D))


def targets(model: Any, wanted: str) -> list[str]:
    """The target modules by full name; UserError that lists what the model has when a name matches nothing."""
    present = linear_layers(model)
    if wanted.strip() == ALL:
        return present
    names = [name for name in re.split(r"[,，\s]+", wanted.strip()) if name]
    found = [full for full in present if full.endswith(tuple(f".{name}" for name in names))]
    missing = [name for name in names if not any(full.endswith(f".{name}") for full in present)]
    if missing or not names:
        known = ", ".join(sorted({full.rsplit(".", 1)[-1] for full in present}))
        raise UserError(
            f"method.target_modules: this model has no module called “{', '.join(missing)}”. It has: {known}.",
            f"method.target_modules：这个模型没有名为“{', '.join(missing)}”的模块。可用：{known}。",
            field="method.target_modules",
        )
    return found


def ending(model: Any, endings: Iterable[str]) -> list[str]:
    """Full names of the linear layers that end in one of `endings`."""
    tails = tuple(f".{name}" for name in endings)
    return [name for name in linear_layers(model) if name.endswith(tails)]


ATTENTION_OUT = (
    "attention.output.dense", "attention.dense", "self_attn.o_proj", "self_attn.out_proj", "encoder_attn.out_proj",
    "attn.c_proj", "SelfAttention.o", "EncDecAttention.o", "attention.out_lin", "attn.Wo", "self_attn.dense",
)  # fmt: skip
"""The last layer of attention, by family: BERT, GPT-NeoX, Llama and kin, BART, GPT-2, T5, DistilBERT, ModernBERT, Phi."""
FEEDFORWARD_OUT = (
    "output.dense", "mlp.down_proj", "fc2", "mlp.c_proj", "DenseReluDense.wo", "ffn.lin2", "dense_4h_to_h", "mlp.Wo",
)  # fmt: skip
"""The last layer of the feed-forward part. BERT's attention ends in the same words: see `feedforward_out`."""


def attention_out(model: Any) -> list[str]:
    """The last layer of attention in every block."""
    return ending(model, ATTENTION_OUT)


def feedforward_out(model: Any) -> list[str]:
    """The last layer of the feed-forward part in every block."""
    attention = set(attention_out(model))
    return [name for name in ending(model, FEEDFORWARD_OUT) if name not in attention]
