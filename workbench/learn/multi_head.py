"""3.1 Multi-head attention: what each head looks at, and what the model loses when a head is silent."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from workbench.core.errors import UserError
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Picture, facts, heat, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.learn import _models
from workbench.learn._seen import chosen, run_that, trained

ROWS, TOKENS = 8, 48
"""Rows, and tokens of each, the loss is measured on."""
MEASURES = {
    "entropy": Text("how widely it looks (entropy, bits)", "看得多广（熵，比特）"),
    "distance": Text("how far back it looks (tokens)", "往回看多远（词元）"),
}


class Settings(Section):
    """What is measured, and who is silent."""

    dataset: str = knob(
        "stories", Text("Rows", "数据"), Text("The loss is measured on 8 of its rows.", "用其中 8 行来计算损失。")
    )
    measure: str = knob(
        "distance",
        Text("Show of each head", "查看每个头的"),
        Text("From its attention weights.", "由注意力权重算出。"),
        choices=tuple(MEASURES.items()),
    )
    layer: int = knob(
        0,
        Text("Silence a whole layer", "让整层沉默"),
        Text("0: none; else its number.", "0 表示不关；否则填层号。"),
        ge=0,
        le=4,
    )
    heads: int = knob(
        4,
        Text("Heads, for the count below", "头数（用于下方计数）"),
        Text("The same width cut into so many.", "把同样的宽度切成这么多份。"),
        choices=tuple((count, Text(str(count), str(count))) for count in (1, 2, 4, 8, 16)),
    )


def parameters(width: int, heads: int) -> int:
    """Of one attention layer of the starter's kind, counted on the real module without weights."""
    import torch
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaAttention

    config = LlamaConfig(
        hidden_size=width, num_attention_heads=heads, num_key_value_heads=heads, head_dim=width // heads
    )
    with torch.device("meta"):
        return sum(part.numel() for part in LlamaAttention(config, 0).parameters())


def entropy(weights: Any) -> Any:
    """Mean over tokens of −Σ p·log₂ p, per head; weights (heads, tokens, tokens)."""
    return -(weights * weights.clamp_min(1e-12).log2()).sum(-1).mean(-1)


def distance(weights: Any) -> Any:
    """Mean over tokens of how many tokens back is looked, per head."""
    import torch

    places = torch.arange(weights.shape[-1])
    return (weights * (places[:, None] - places).abs()).sum(-1).mean(-1)


def losses(model: Any, batch: dict[str, Any], silent: list[tuple[int, int]]) -> float:
    """Mean loss per token when the heads (layer, head) say nothing."""
    import torch

    hooks = [_output(model, layer).register_forward_pre_hook(_silence(model, [h for at, h in silent if at == layer])) for layer in {at for at, _ in silent}]  # fmt: skip
    try:
        with torch.inference_mode():
            return float(model(**batch).loss)
    finally:
        for hook in hooks:
            hook.remove()


def _output(model: Any, layer: int) -> Any:
    return model.get_submodule(f"model.layers.{layer}.self_attn.o_proj")


def _silence(model: Any, heads: list[int]) -> Any:
    size = model.config.head_dim

    def silence(part: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        rows = given[0].clone()
        for head in heads:
            rows[..., head * size : (head + 1) * size] = 0
        return (rows, *given[1:])

    return silence


@LABS.add
class MultiHead(Lab):
    """See the module."""

    kind = "multi-head"
    stop = "3.1"
    order = 51
    label = Text("Many heads", "多头注意力")
    idea = (
        Text(
            "The width of a layer is cut into heads. Each has queries, keys and values of its own and looks somewhere else: "
            "one at the word before, one far back, one everywhere.",
            "一层的宽度被切成几个头。每个头有自己的 query、key、value，看向不同的地方：有的看前一个词，有的看很远，有的到处看。",
        ),
        Text(
            "What a head is good for only silence tells: set its output to zero, and see how much worse the model guesses. "
            "Where the number below is small, nobody would miss it.",
            "一个头有没有用，要让它沉默才知道：把它的输出置零，看模型猜得差多少。下图中数值小的格子，关掉也没什么影响。",
        ),
    )
    guess = Guess(
        Text("8 heads instead of 1, at the same width. The parameters …", "宽度不变，头从 1 个变成 8 个，参数会……"),
        (
            Choice(
                Text("are 8 times as many", "变成 8 倍"),
                Text("Each head is an eighth as wide, so the matrices stay as large.", "每个头只有八分之一宽，所以矩阵大小不变。"),
            ),
            Choice(
                Text("stay the same", "不变"),
                Text("4 × width² whatever the number of heads; the count below is made on the real layer.", "无论几个头，都是 4 × 宽度²；下方的计数来自真实的层。"),
                right=True,
            ),
            Choice(
                Text("become fewer", "变少"),
                Text("Only when heads share keys and values (grouped queries) are there fewer.", "只有多个头共用 key 和 value（分组查询）时才会变少。"),
            ),
        ),
    )  # fmt: skip
    section = Settings
    breaks = Break(Text("Silence the whole first layer", "让第一层全部沉默"), {"layer": 1})
    far = True
    source = (
        "Vaswani et al., arXiv:1706.03762; Michel et al., Are Sixteen Heads Really Better than One?, arXiv:1905.10650"
    )

    def choices(self, workspace: Workspace) -> dict[str, list[tuple[Text | str, str]]]:
        return {"dataset": [(each.name, each.name) for each in library.all_datasets(workspace) if "text" in each.meta["roles"].values()]}  # fmt: skip

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        model = _models.model(workspace, _models.DECODER, "text-generation")
        batch = _batch(workspace, knobs.dataset)
        usual, changed = _changes(model, _Rows(batch))
        shape = model.config.num_hidden_layers, model.config.num_attention_heads
        silent = [(knobs.layer - 1, head) for head in range(shape[1])] if 0 < knobs.layer <= shape[0] else []
        across, down = ([str(place + 1) for place in range(count)] for count in reversed(shape))
        named = Text("head", "头"), Text("layer", "层")
        cost = Text("What the loss gains when a head is silent", "某个头沉默时，损失增加多少")
        measured = _measured(model, batch, knobs.measure)
        look = Text(*(part[:1].upper() + part[1:] for part in MEASURES[knobs.measure]))
        return [
            _said(usual, changed, losses(model, batch, silent) if silent else None, knobs.layer),
            heat(cost, changed, across, down, named, written=True, around_zero=True, form=".3f"),
            heat(look, measured, across, down, named, written=True, form=".2f"),
            _counted(model.config.hidden_size, knobs.heads),
        ]

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return any(each["layer"] for each in touched) and len({each["measure"] for each in touched}) >= 2

    def real(self, workspace: Workspace) -> Real:
        label = Text("Choose the matrices to train: only queries and values", "挑选要训练的矩阵：只训练 query 和 value")
        return Real(label, "train", {"method.target_modules": "q_proj,v_proj"}, preset="persona")

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, lambda run: chosen(run, "method.target_modules"))
        return Trace(trained(run), "runs", run.id) if run else None


class _Rows:
    """A batch that a cache can tell from another: by its ids."""

    def __init__(self, batch: dict[str, Any]) -> None:
        self.batch, self.key = batch, tuple(batch["input_ids"].flatten().tolist())

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rows) and self.key == other.key


@lru_cache(maxsize=4)
def _changes(model: Any, rows: _Rows) -> tuple[float, list[list[float]]]:
    """(loss, what it gains for every layer and head that is silent)."""
    usual = losses(model, rows.batch, [])
    heads, layers = model.config.num_attention_heads, model.config.num_hidden_layers
    return usual, [[losses(model, rows.batch, [(layer, head)]) - usual for head in range(heads)] for layer in range(layers)]  # fmt: skip


def _batch(workspace: Workspace, name: str) -> dict[str, Any]:
    """The first rows of a dataset's text, cut short; padding is not learned."""
    dataset = library.find(workspace, name)
    column = next((column for column, role in dataset.meta["roles"].items() if role == "text"), None)
    rows = [str(row[column]) for row in dataset.rows(0, 40) if column and str(row[column] or "").strip()][:ROWS]
    if not rows:
        raise UserError(f"“{name}” has no text to read; choose another dataset.", f"“{name}”没有可读的文本；请换一个数据集。", field="dataset")  # fmt: skip
    words = _models.tokenizer(workspace, _models.DECODER)
    batch = dict(
        words(rows, return_tensors="pt", padding=True, truncation=True, max_length=TOKENS, padding_side="right")
    )
    batch.pop("token_type_ids", None)
    return {**batch, "labels": batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)}


def _measured(model: Any, batch: dict[str, Any], measure: str) -> list[list[float]]:
    """Of the first row, without its padding."""
    import torch

    length = int(batch["attention_mask"][0].sum())
    with torch.inference_mode():
        weights = model(input_ids=batch["input_ids"][:1, :length], output_attentions=True).attentions
    return [{"entropy": entropy, "distance": distance}[measure](each[0]).tolist() for each in weights]


def _said(usual: float, changed: list[list[float]], silenced: float | None, layer: int) -> Picture:
    if silenced is not None:
        return told(
            Text(
                f"Layer {layer} is silent: the loss rises from {usual:.3f} to {silenced:.3f} per token.",
                f"第 {layer} 层沉默：每个词元的损失从 {usual:.3f} 升到 {silenced:.3f}。",
            ),
            "bad",
        )
    flat = [each for row in changed for each in row]
    most, few = max(flat), sum(each < 0.02 for each in flat)
    return told(
        Text(
            f"Loss {usual:.3f} per token. The head that matters most costs {most:+.3f} when silent; {few} of {len(flat)} cost less than 0.02.",
            f"每个词元的损失为 {usual:.3f}。最重要的头沉默时损失 {most:+.3f}；{len(flat)} 个头里有 {few} 个影响小于 0.02。",
        )
    )


def _counted(width: int, heads: int) -> Picture:
    return facts(
        [
            (Text("Width of a head", "每个头的宽度"), f"{width} ÷ {heads} = {width // heads}"),
            (Text("Parameters of the layer, counted", "该层参数量（实际计数）"), f"{parameters(width, heads):,}"),
            (Text("With one head", "只有一个头时"), f"{parameters(width, 1):,}"),
        ]
    )
