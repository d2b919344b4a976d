"""3.1 Self-attention: whom each token looks at, per layer and head; and what happens to the answer when a head is switched off."""

from __future__ import annotations

from typing import Any

from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Picture, facts, heat, strip, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn import _models
from workbench.learn._seen import run_that, trained


class Settings(Section):
    """Which head is looked at."""

    text: str = knob(
        "The river is wide and the boat is",
        Text("Text", "文字"),
        Text("A sentence of your own; up to 64 tokens.", "你自己的一句话，最多 64 个词元。"),
    )
    layer: int = knob(1, Text("Layer", "层"), Text("Counted from 1.", "从 1 开始数。"), ge=1, le=4)
    head: int = knob(1, Text("Head", "头"), Text("Counted from 1.", "从 1 开始数。"), ge=1, le=4)
    off: bool = knob(
        False, Text("Switch this head off", "关掉这个头"), Text("Its output becomes zero.", "把它的输出变成零。")
    )


@LABS.add
class SelfAttention(Lab):
    """See the module."""

    kind = "self-attention"
    stop = "3.1"
    order = 50
    label = Text("Self-attention", "自注意力")
    idea = (
        Text(
            "Every token asks (query), offers (key) and carries (value). Softmax of query · key ÷ √d says how much of each value it takes.",
            "每个词元都在提问（query）、应答（key）、携带内容（value）。softmax(query · key ÷ √d) 决定它从每个 value 取多少。",
        ),
        Text(
            "In a model that writes from left to right nobody sees what comes later: the upper right half is empty.",
            "从左往右写的模型看不到后文：右上半边是空的。",
        ),
    )
    guess = Guess(
        Text(
            "A head looks almost only at one token. Switched off, the next word …",
            "某个头几乎只看一个词元。关掉它，下一个词……",
        ),
        (
            Choice(
                Text("must change: attention is the reason", "必定改变：注意力就是原因"),
                Text(
                    "Try it: often hardly anything changes. Weights say where is looked, not what it is good for.",
                    "试试看：往往几乎不变。权重只说明看向哪里，不说明有什么用。",
                ),
            ),
            Choice(
                Text("may stay nearly as it was", "可能几乎不变"),
                Text(
                    "Yes: other heads and the residual path carry on. Only switching it off tells what it does.",
                    "对：其他头和残差通路照常工作。只有关掉它，才知道它起什么作用。",
                ),
                right=True,
            ),
            Choice(
                Text("becomes random", "变得随机"),
                Text("One head of many is a small part of the sum.", "许多头里的一个，只是总和的一小部分。"),
            ),
        ),
    )
    section = Settings
    breaks = Break(Text("Switch the head off", "关掉这个头"), {"off": True})
    far = True
    source = "Vaswani et al., Attention Is All You Need, arXiv:1706.03762; Jain & Wallace, Attention is not Explanation, arXiv:1902.10186"

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        import torch

        model = _models.model(workspace, _models.DECODER, "text-generation")
        batch, tokens = _models.encoded(workspace, _models.DECODER, knobs.text)
        heads, layers = model.config.num_attention_heads, model.config.num_hidden_layers
        layer, head = min(knobs.layer, layers) - 1, min(knobs.head, heads) - 1
        with torch.inference_mode():
            out = model(**batch, output_attentions=True)
            weights = out.attentions[layer][0, head]
            before = out.logits[0, -1].softmax(-1)
            after = _without(model, batch, layer, head) if knobs.off else before
        named = (Text("looks at", "看向"), Text("token", "词元"))
        title = Text(
            f"Layer {layer + 1} of {layers}, head {head + 1} of {heads}",
            f"第 {layer + 1}/{layers} 层，第 {head + 1}/{heads} 个头",
        )
        shown = [f"{place + 1} {token}" for place, token in enumerate(tokens)]
        return [
            self._said(knobs, before, after, workspace),
            strip([(token, False) for token in tokens], Text("What the model reads", "模型读到的词元")),
            heat(title, weights.tolist(), shown, shown, named, form=".2f"),
            facts(
                [
                    (
                        Text("Rows sum to", "每行之和"),
                        f"{float(weights.sum(-1).min()):.4f} – {float(weights.sum(-1).max()):.4f}",
                    )
                ]
            ),
        ]

    def _said(self, knobs: Any, before: Any, after: Any, workspace: Workspace) -> Picture:
        words = _models.tokenizer(workspace, _models.DECODER)
        first, then = int(before.argmax()), int(after.argmax())
        word, other = words.decode([first]).strip(), words.decode([then]).strip()
        if not knobs.off:
            return told(
                Text(
                    f"Likeliest next: “{word}” ({float(before[first]):.1%}).",
                    f"最可能的下一个：“{word}”（{float(before[first]):.1%}）。",
                )
            )
        moved = float((before - after).abs().sum() / 2)
        return told(
            Text(
                f"Without this head “{word}” goes from {float(before[first]):.1%} to {float(after[first]):.1%}; likeliest is now “{other}”. "
                f"In all {moved:.1%} of the probability moved.",
                f"关掉这个头后，“{word}”从 {float(before[first]):.1%} 变为 {float(after[first]):.1%}；现在最可能的是“{other}”。"
                f"总共有 {moved:.1%} 的概率发生了移动。",
            )
        )

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return any(each["off"] for each in touched) and len({(each["layer"], each["head"]) for each in touched}) >= 2

    def real(self, workspace: Workspace) -> Real:
        label = Text("Teach a model a voice of your own", "教模型用你的口吻说话")
        return Real(label, "train", preset="persona")

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, lambda run: run.recipe.task.kind in {"text-generation", "chat"})
        return Trace(trained(run), "runs", run.id) if run else None


def _without(model: Any, batch: Any, layer: int, head: int) -> Any:
    """Probabilities of the next token when one head's part of the layer's output is zero."""
    output = next(
        part
        for name, part in model.named_modules()
        if f".{layer}." in f".{name}." and name.endswith(("o_proj", "attn.c_proj"))
    )
    size = getattr(model.config, "head_dim", None) or model.config.hidden_size // model.config.num_attention_heads

    def silence(part: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        rows = given[0].clone()
        rows[..., head * size : (head + 1) * size] = 0
        return (rows, *given[1:])

    hook = output.register_forward_pre_hook(silence)
    try:
        return model(**batch).logits[0, -1].softmax(-1)
    finally:
        hook.remove()
