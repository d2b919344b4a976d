"""1.2 Probability: how a model's numbers become the next word; temperature, top-k, top-p, and the loss of the word that was right."""

from __future__ import annotations

import math
from typing import Any

from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Picture, bars, facts, strip, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn import _models
from workbench.serve.talk import Talk, all_talks

SHOWN = 12
"""Tokens that have a bar."""


class Settings(Section):
    """How the next token is drawn."""

    text: str = knob(
        "On a rainy Thursday, Rose met Lily at the",
        Text("Text", "文字"),
        Text("The model says what comes next; up to 64 tokens.", "由模型接着写；最多 64 个词元。"),
    )
    temperature: float = knob(
        1.0,
        Text("Temperature", "温度"),
        Text("The numbers are divided by it before softmax.", "在 softmax 之前用它去除这些数。"),
        ge=0.05,
        le=4,
    )
    top_k: int = knob(
        0,
        Text("top-k", "top-k"),
        Text("Only so many of the likeliest; 0: all.", "只留最可能的这么多个；0 表示全部。"),
        ge=0,
        le=50,
    )
    top_p: float = knob(
        1.0,
        Text("top-p", "核采样（top-p）"),
        Text("Only the likeliest that together reach this share.", "只留最可能的、合计达到此比例的那些。"),
        ge=0.05,
        le=1,
    )
    draws: int = knob(
        200, Text("Draws", "抽取次数"), Text("How often the dice is thrown.", "掷多少次骰子。"), ge=0, le=1000
    )
    answer: str = knob(
        "",
        Text("Right next word", "正确的下一个词"),
        Text("Its loss is computed; empty: the likeliest.", "计算它的损失；留空取最可能的那个。"),
    )


def entropy(chances: Any) -> float:
    """−Σ p · ln p, in nats; 0 when one is certain."""
    return float(-sum(p * math.log(p) for p in chances if p > 0))


def chances(logits: Any, temperature: float, top_k: int, top_p: float) -> Any:
    """Probabilities (vocabulary,) of a row of logits as the chat tab draws: temperature, then top-k, then top-p, then scaled to 1."""
    import torch

    from workbench.serve.sampling import Sampling
    from workbench.serve.sampling import chances as weights

    kept, places = weights(logits, Sampling(temperature=temperature, top_k=top_k, top_p=top_p))
    return torch.zeros_like(logits).scatter(0, places, kept / kept.sum())


@LABS.add
class Probability(Lab):
    """See the module."""

    kind = "probability"
    stop = "1.2"
    order = 23
    label = Text("Probability and softmax", "概率与 softmax")
    idea = (
        Text(
            "For every token of its vocabulary a model gives one number (logit). Softmax makes probabilities of them: e to the number, "
            "divided by the sum of all.",
            "模型对词表中的每个词元给出一个数（logit）。softmax 把它们变成概率：取 e 的该次方，再除以总和。",
        ),
        Text(
            "Temperature flattens or sharpens; top-k and top-p cut off the unlikely. Then a dice is thrown. The order of the tokens never "
            "changes.",
            "温度让分布变平或变尖；top-k 和 top-p 切掉不太可能的。然后掷骰子。词元的先后次序从不改变。",
        ),
        Text(
            "The loss in training is cross-entropy: −ln of the probability that the right token got, at temperature 1. Certain and right "
            "costs 0.",
            "训练中的损失是交叉熵：正确词元所得概率（温度为 1）的 −ln。又确定又正确，损失就是 0。",
        ),
    )
    guess = Guess(
        Text("At a temperature of 0.2 instead of 1 the model …", "温度从 1 降到 0.2，模型……"),
        (
            Choice(
                Text("knows more", "懂得更多"),
                Text(
                    "Its numbers stay as they are: the likeliest token was the likeliest before.",
                    "它给出的数没有变：最可能的词元，原来就是最可能的。",
                ),
            ),
            Choice(
                Text("takes the likeliest token more often", "更常选最可能的词元"),
                Text(
                    "Right: differences are multiplied by 5, so the first nearly always wins. The ranking stays.",
                    "对：差距放大 5 倍，第一名几乎总赢。名次不变。",
                ),
                right=True,
            ),
            Choice(
                Text("makes fewer mistakes", "错得更少"),
                Text(
                    "Only where its favourite is right. A wrong favourite is now said every time.",
                    "只有它最看好的恰好正确时才如此。看好的若是错的，现在每次都会说错。",
                ),
            ),
        ),
    )
    section = Settings
    breaks = Break(Text("Nearly throw dice only", "几乎全凭骰子"), {"temperature": 4.0, "top_k": 0, "top_p": 1.0})
    far = True
    source = "Holtzman et al., The Curious Case of Neural Text Degeneration, arXiv:1904.09751"

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        import torch

        model = _models.model(workspace, _models.DECODER, "text-generation")
        batch, tokens = _models.encoded(workspace, _models.DECODER, knobs.text)
        with torch.inference_mode():
            logits = model(**batch).logits[0, -1].float()
        plain, now = logits.softmax(-1), chances(logits, knobs.temperature, knobs.top_k, knobs.top_p)
        right = self._right(workspace, knobs.answer, plain)
        drawn = _thrown(now, knobs.draws)
        words = _models.tokenizer(workspace, _models.DECODER)
        top = plain.argsort(descending=True)[:SHOWN].tolist()
        names = {each: words.decode([each]).strip() or "␣" for each in {*top, right}}
        return [
            _said(names, plain, now, drawn),
            strip([(token, False) for token in tokens], Text("What the model reads", "模型读到的词元")),
            _bars([f"{place} {names[each]}" for place, each in enumerate(top, 1)], top, (plain, now, drawn)),
            _numbers(plain, now, names[right], right),
        ]

    def _right(self, workspace: Workspace, answer: str, plain: Any) -> int:
        """The first token of the word that is right, as it stands after a text; the likeliest where none is given."""
        words = _models.tokenizer(workspace, _models.DECODER)
        cjk = any("\u3400" <= sign <= "\u9fff" for sign in answer)
        ids = words(answer.strip() if cjk else f" {answer.strip()}", add_special_tokens=False)["input_ids"]
        ids = [each for each in ids if words.decode([each]).strip()] if answer.strip() else []
        return int(ids[0]) if ids else int(plain.argmax())

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        heats = {each["temperature"] for each in touched}
        return min(heats) < 0.7 and max(heats) > 1.3

    def real(self, workspace: Workspace) -> Real:
        return Real(Text("Chat with these settings", "用这些设置对话"), "chat")

    def done(self, workspace: Workspace) -> Trace | None:
        talks = [talk for talk in all_talks(workspace) if _drawn(talk)]
        return Trace(Text("A conversation of yours", "你的一次对话"), "chat") if talks else None


def _drawn(talk: Talk) -> bool:
    """Answered at a temperature somebody set: as it comes, the likeliest token is taken and nothing is drawn."""
    return bool(talk.facts["how"].get("temperature")) and any(
        node["role"] == "assistant" for pane in talk.panes for node in pane["nodes"]
    )


def _thrown(now: Any, draws: int) -> Any:
    """How often each token came, as shares, with a fixed seed."""
    import torch

    if not draws:
        return torch.zeros_like(now)
    dice = torch.Generator().manual_seed(0)
    return torch.multinomial(now, draws, replacement=True, generator=dice).bincount(minlength=len(now)) / draws


def _said(names: dict[int, str], plain: Any, now: Any, drawn: Any) -> Picture:
    first = int(plain.argmax())
    came, left = int((drawn > 0).sum()), int((now > 0).sum())
    return told(
        Text(
            f"“{names[first]}” has {float(plain[first]):.1%} at temperature 1 and {float(now[first]):.1%} now. "
            f"{left:,} tokens can still be drawn; {came} different ones were.",
            f"“{names[first]}”在温度 1 时占 {float(plain[first]):.1%}，现在占 {float(now[first]):.1%}。还有 {left:,} 个词元可能被抽到；实际抽到 {came} 种。",
        )
    )


def _bars(names: list[str], top: list[int], found: tuple[Any, Any, Any]) -> Picture:
    titles = (Text("temperature 1", "温度 1"), Text("now", "现在"), Text("drawn", "抽到的"))
    series: dict[Text | str, list[float]] = {
        title: [float(each[place]) for place in top] for title, each in zip(titles, found, strict=True)
    }
    return bars(
        Text("The likeliest next tokens", "最可能的下一个词元"),
        list(names),
        series,
        Text("probability", "概率"),
        form=".0%",
    )


def _numbers(plain: Any, now: Any, word: str, right: int) -> Picture:
    """Entropies, and the loss of the right token."""
    loss = -math.log(max(float(plain[right]), 1e-30))
    return facts(
        [
            (Text("Entropy at temperature 1", "温度 1 时的熵"), f"{entropy(plain.tolist()):.4f}"),
            (Text("Entropy now", "现在的熵"), f"{entropy(now.tolist()):.4f}"),
            (Text("Entropy if all were alike", "完全均匀时的熵"), f"{math.log(len(plain)):.4f}"),
            (Text(f"Loss of “{word}” (cross-entropy)", f"“{word}”的损失（交叉熵）"), f"{loss:.4f}"),
        ]
    )
