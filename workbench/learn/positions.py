"""3.1 Positions: how a model knows the order of words; and that without them it knows none."""

from __future__ import annotations

import random
from typing import Any

from workbench.core.errors import UserError
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Named, Numbers, Picture, bars, grid, lines, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn import _models
from workbench.learn._seen import run_that, trained

WIDTH, FAR = 64, 96
"""Of the codes that are compared, and the distance up to which."""
FROM = (8, 200)
"""Places from which distances are counted."""
WORDS = 24
LONG = 384
"""Maximum length of a row from which on positions matter."""


class Settings(Section):
    """Which code, and a sentence to shuffle."""

    code: str = knob(
        "sinusoidal",
        Text("Positions by", "位置编码"),
        Text("How a place becomes numbers.", "位置怎样变成数字。"),
        choices=(
            ("sinusoidal", Text("sine waves, added (2017)", "正弦波，相加（2017）")),
            ("rotary", Text("rotation of queries and keys (RoPE)", "旋转 query 与 key（RoPE）")),
            ("learned", Text("learned vectors (the English encoder's own)", "学出来的向量（英文编码器自己的）")),
        ),
    )
    base: int = knob(
        10_000,
        Text("Base of the waves", "波的底数"),
        Text(
            "Larger: slower waves, for longer texts. Learned vectors have none.",
            "越大波越慢，适合更长的文本。学出来的向量没有这一项。",
        ),
        choices=tuple((base, Text(f"{base:,}", f"{base:,}")) for base in (100, 1_000, 10_000, 100_000, 1_000_000)),
    )
    text: str = knob(
        "The cat saw the dog and ran away",
        Text("Sentence", "句子"),
        Text("English; up to 24 words.", "英文，最多 24 个词。"),
    )
    shuffle: int = knob(1, Text("Shuffle", "打乱"), Text("0: as written; else another order each.", "0 表示原样；其他数字各是一种顺序。"), ge=0, le=20)  # fmt: skip
    positions: bool = knob(
        True,
        Text("The encoder has its positions", "编码器保留位置"),
        Text("Off: they are set to zero.", "关闭则置零。"),
    )


def sinusoidal(places: Any, width: int = WIDTH, base: float = 10000.0) -> Any:
    """(places, width): sin and cos of place ÷ base^(2i ÷ width) (Vaswani et al., 2017)."""
    import numpy as np

    angles = np.asarray(places)[:, None] * base ** (-np.arange(0, width, 2) / width)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)


def rotated(vector: Any, places: Any, base: float = 10000.0) -> Any:
    """(places, width): a vector turned by its place, pair by pair (Su et al., 2021)."""
    import numpy as np

    half = vector.shape[-1] // 2
    angles = np.asarray(places)[:, None] * base ** (-np.arange(half) / half)
    first, second = vector[:half], vector[half:]
    return np.concatenate([first * np.cos(angles) - second * np.sin(angles), second * np.cos(angles) + first * np.sin(angles)], axis=-1)  # fmt: skip


def similarity(codes: Any, start: int, far: int) -> list[float]:
    """Cosine of the code at `start` with those 0, 1, … `far` places on."""
    import numpy as np

    lengths = np.linalg.norm(codes, axis=-1)
    last = min(start + far, len(codes) - 1)
    return [float(codes[start] @ codes[place] / (lengths[start] * lengths[place])) for place in range(start, last + 1)]


@LABS.add
class Positions(Lab):
    """See the module."""

    kind = "positions"
    stop = "3.1"
    order = 53
    label = Text("Positions", "位置编码")
    idea = (
        Text(
            "Attention adds up values and does not care for order: “dog bites man” and “man bites dog” are the same heap of words. "
            "The order must be put in as numbers.",
            "注意力只是把 value 加起来，不在乎顺序：“狗咬人”和“人咬狗”是同一堆词。顺序要用数字另外放进去。",
        ),
        Text(
            "Sine waves and rotation make how alike two places are depend on their distance only. Learned vectors may do what they like, "
            "and end at the longest text they were trained on.",
            "正弦波和旋转让两个位置的相似度只取决于距离。学出来的向量则没有这种保证，而且训练时最长到哪里，就只到哪里。",
        ),
    )
    guess = Guess(
        Text(
            "The encoder's positions are set to zero, and the words are shuffled. The sentence's vector …",
            "把编码器的位置置零，再打乱词序。句子的向量……",
        ),
        (
            Choice(
                Text("changes completely", "完全变了"),
                Text("Nothing in attention itself knows an order. Switch positions off and see.", "注意力本身不知道顺序。关掉位置试试。"),
            ),
            Choice(
                Text("stays exactly the same", "完全不变"),
                Text("Without positions a Transformer sees a bag of words.", "没有位置，Transformer 看到的只是一袋词。"),
                right=True,
            ),
            Choice(
                Text("becomes zero", "变成零"),
                Text("The words' own vectors are still there; only the places are gone.", "词本身的向量还在，只是位置没有了。"),
            ),
        ),
    )  # fmt: skip
    section = Settings
    breaks = Break(Text("Take the positions away", "拿掉位置"), {"positions": False, "shuffle": 3})
    far = True
    source = "Vaswani et al., arXiv:1706.03762; Su et al., RoFormer, arXiv:2104.09864"

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        codes = _codes(workspace, knobs)
        curves = {Text(f"from place {start}", f"从位置 {start} 起"): similarity(codes, start, FAR) for start in FROM}
        return [
            *_shuffled(workspace, knobs),
            lines(
                Text("How alike are two places?", "两个位置有多相似？"),
                {name: (list(range(len(found))), found) for name, found in curves.items()},
                Text("distance in tokens", "距离（词元）"),
                Text("cosine", "余弦"),
            ),
            _apart(codes),
        ]

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["code"] for each in touched}) >= 2 and any(not each["positions"] for each in touched)

    def real(self, workspace: Workspace) -> Real:
        label = Text("Train on longer rows: positions further out", "用更长的行训练：用到更远的位置")
        return Real(label, "train", {"task.max_length": LONG}, preset="stories-clm")

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, lambda run: run.recipe.task.max_length >= LONG)
        return Trace(trained(run), "runs", run.id) if run else None


def _codes(workspace: Workspace, knobs: Any) -> Any:
    import numpy as np

    places = np.arange(FROM[-1] + FAR + 1)
    if knobs.code == "sinusoidal":
        return sinusoidal(places, base=knobs.base)
    if knobs.code == "rotary":
        return rotated(np.random.default_rng(0).normal(size=WIDTH), places, knobs.base)
    return _encoder(workspace).embeddings.position_embeddings.weight[: len(places)].numpy()


def _apart(codes: Any) -> Picture:
    """How far the curves from several places lie apart: 0 where only distance counts."""
    first, second = (similarity(codes, start, FAR) for start in FROM)
    gap = max(abs(a - b) for a, b in zip(first, second, strict=True))
    rows = [[place, f"{first[place]:.4f}", f"{second[place]:.4f}"] for place in (0, 1, 2, 4, 8, 16, 32, 64, FAR)]
    title = Text(
        f"Only the distance counts? The curves are at most {gap:.2g} apart",
        f"只取决于距离吗？两条曲线最多相差 {gap:.2g}",
    )
    names = [Text(f"from place {start}", f"从位置 {start} 起") for start in FROM]
    return grid([Text("distance", "距离"), *names], rows, title)


def _encoder(workspace: Workspace) -> Any:
    return _models.model(workspace, _models.ENCODER, "text-classification").bert


def _shuffled(workspace: Workspace, knobs: Any) -> list[Picture]:
    """What shuffling does to the encoder's sentence vector and to the decoder's next word."""
    words = knobs.text.split()
    if not 2 <= len(words) <= WORDS:
        raise UserError(f"Type 2 to {WORDS} words.", f"请输入 2 到 {WORDS} 个词。", field="text")
    other = list(words)
    if knobs.shuffle:
        random.Random(knobs.shuffle).shuffle(other)
    texts = [" ".join(words), " ".join(other)]
    cosine = float(vectors(workspace, texts, knobs.positions).prod(0).sum())
    return [
        told(Text(f"“{texts[1]}”", f"“{texts[1]}”")),
        told(
            Text(
                f"The encoder's sentence vectors, before and after: cosine {cosine:.4f}. {'It sees a bag of words.' if cosine > 0.99999 else 'It notices the order.'}",
                f"编码器的句子向量，打乱前后的余弦：{cosine:.4f}。{'它看到的只是一袋词。' if cosine > 0.99999 else '它注意到了顺序。'}",
            ),
            "bad" if cosine > 0.99999 and knobs.shuffle else "plain",
        ),
        _next(workspace, texts),
    ]  # fmt: skip


def vectors(workspace: Workspace, texts: list[str], positions: bool) -> Any:
    """(texts, width): mean over a sentence's tokens, of length 1. Positions off: their vectors are zero, the frame tokens stay where they are."""
    import torch

    encoder, words = _encoder(workspace), _models.tokenizer(workspace, _models.ENCODER)
    place = encoder.embeddings.position_embeddings
    hook = place.register_forward_hook(lambda part, given, made: made if positions else torch.zeros_like(made))
    try:
        with torch.inference_mode():
            rows = [encoder(**words(text, return_tensors="pt")).last_hidden_state[0].mean(0) for text in texts]
    finally:
        hook.remove()
    return torch.nn.functional.normalize(torch.stack(rows), dim=-1)


def _next(workspace: Workspace, texts: list[str]) -> Picture:
    """The starter decoder's likeliest next tokens after both."""
    import torch

    model = _models.model(workspace, _models.DECODER, "text-generation")
    with torch.inference_mode():
        chances = [
            model(**_models.encoded(workspace, _models.DECODER, text)[0]).logits[0, -1].softmax(-1) for text in texts
        ]
    words = _models.tokenizer(workspace, _models.DECODER)
    top = list(dict.fromkeys(int(each) for row in chances for each in row.topk(4).indices))
    names = [words.decode([each]).strip() or "␣" for each in top]
    series: dict[Named, Numbers] = {
        Text("as written", "原样"): [float(chances[0][each]) for each in top],
        Text("shuffled", "打乱后"): [float(chances[1][each]) for each in top],
    }
    title = Text("Next token of the tiny decoder (rotary positions)", "小型解码器的下一个词元（旋转位置）")
    return bars(title, names, series, Text("probability", "概率"), form=".0%")
