"""1.2 Vectors: words and sentences as the starter models see them; dot product, cosine, and what a flat picture leaves out."""

from __future__ import annotations

import itertools
from typing import Any

from workbench.core.errors import UserError
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Picture, dots, grid, heat, lines, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.learn import _models

FEW, MANY = 2, 6
MODELS = (
    (_models.ENCODER, Text("all-MiniLM-L6-v2 (English sentences)", "all-MiniLM-L6-v2（英文句子）")),
    (_models.DECODER, Text("lumo (Chinese and English words)", "lumo（中英文词语）")),
)


class Settings(Section):
    """What is compared, by whom."""

    texts: str = knob(
        "The soup was delicious.\nThe meal tasted great.\nThe soup was awful.\nThe train is late.\nMy bus did not come on time.",
        Text("Texts", "文字"),
        Text("One in a line, two to six of them.", "每行一个，二到六个。"),
    )
    model: str = knob(
        _models.ENCODER,
        Text("Model", "模型"),
        Text("Whose vectors: the mean over the tokens of the last layer.", "用谁的向量：取最后一层各词元的平均。"),
        choices=MODELS,
    )


def cosine(a: Any, b: Any) -> float:
    """The dot product over the lengths: 1 the same direction, 0 nothing in common, −1 opposite; 0 for a vector of length 0."""
    import numpy as np

    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.dot(a, b)) / lengths if lengths else 0.0


def pca(points: Any) -> tuple[Any, Any]:
    """(points on their main axes, share of the variance on each axis) for (rows, numbers); axes without variance count 0."""
    import numpy as np

    middle = points - points.mean(0)
    _, sizes, axes = np.linalg.svd(middle, full_matrices=False)
    total = float((sizes**2).sum())
    return middle @ axes.T, sizes**2 / total if total else sizes * 0


def split(text: str) -> list[str]:
    """The lines that say something, each once; UserError when they are too few or too many."""
    found = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    if not FEW <= len(found) <= MANY:
        raise UserError(
            f"Type {FEW} to {MANY} different texts, one in a line; here are {len(found)}.",
            f"请输入 {FEW} 到 {MANY} 个不同的文本，每行一个；现在有 {len(found)} 个。",
            field="texts",
        )
    return found


def vectors(workspace: Workspace, model: str, texts: list[str]) -> Any:
    """One vector per text, (texts, width): the mean of the last layer over its tokens."""
    import torch

    task = "text-classification" if model == _models.ENCODER else "text-generation"
    body = _models.model(workspace, model, task).base_model
    found = []
    for text in texts:
        batch, _ = _models.encoded(workspace, model, text)
        with torch.inference_mode():
            found.append(body(**batch).last_hidden_state[0].mean(0))
    return torch.stack(found).double().numpy()


@LABS.add
class Vectors(Lab):
    """See the module."""

    kind = "vectors"
    stop = "1.2"
    order = 20
    label = Text("Vectors", "向量")
    idea = (
        Text(
            "A model turns every text into a vector: a few hundred numbers, a point in a wide space. Texts used alike lie in like directions.",
            "模型把每段文字变成一个向量：几百个数，高维空间中的一个点。用法相近的文字，方向也相近。",
        ),
        Text(
            "The dot product adds up what two vectors have in common; cosine divides it by their lengths, so that only the direction counts.",
            "点积把两个向量的共同之处加起来；余弦再除以它们的长度，于是只看方向。",
        ),
        Text(
            "A picture has two directions. PCA picks the two in which these points differ most; all others are left out, so trust the "
            "numbers, not the eye.",
            "图只有两个方向。PCA 选出这些点差别最大的两个，其余都丢掉了。所以要信数字，不要信眼睛。",
        ),
    )
    guess = Guess(
        Text(
            "Two points lie close together in the picture. Then their texts …", "图上两个点靠得很近，那么它们的文字……"
        ),
        (
            Choice(
                Text("mean the same", "意思相同"),
                Text(
                    "“delicious” and “awful” are used in the same places and may lie close together. Near is not equal.",
                    "“delicious”和“awful”用在同样的位置，可能靠得很近。近不等于相同。",
                ),
            ),
            Choice(
                Text("may still be far apart", "也可能相距很远"),
                Text(
                    "Right: hundreds of directions are not in the picture. Compare the column “in the picture” with cosine.",
                    "对：有几百个方向不在图里。把“图上距离”这一列和余弦比一比。",
                ),
                right=True,
            ),
            Choice(
                Text("share words", "有相同的词"),
                Text(
                    "“The soup was delicious” and “The meal tasted great” share one word and are close.",
                    "“The soup was delicious”和“The meal tasted great”只有一个词相同，却很近。",
                ),
            ),
        ),
    )
    section = Settings
    breaks = Break(
        Text("Opposites", "反义句"),
        {
            "texts": "I love this film.\nI hate this film.\nI do not love this film.\nThe river is wide.",
            "model": _models.ENCODER,
        },
    )
    far = True
    source = "Reimers & Gurevych, Sentence-BERT, arXiv:1908.10084; Jolliffe, Principal Component Analysis"

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        texts = split(knobs.texts)
        found = vectors(workspace, knobs.model, texts)
        flat, shares = pca(found)
        numbers = [str(place) for place in range(1, len(texts) + 1)]
        near = [[cosine(a, b) for b in found] for a in found]
        kept = float(shares[:2].sum())
        return [
            _said(texts, near, kept),
            _plane(texts, flat, kept),
            heat(Text("Cosine, each with each", "两两余弦"), near, numbers, [f"{place} {text}" for place, text in zip(numbers, texts, strict=True)], (Text("text", "文字"), Text("text", "文字")), around_zero=True, written=True, form=".2f"),
            _slices(found),
            _pairs(texts, found, flat, near),
        ]  # fmt: skip

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["texts"] for each in touched}) >= 2

    def real(self, workspace: Workspace) -> Real:
        return Real(Text("Find rows that are nearly the same", "找出近似重复的行"), "data")

    def done(self, workspace: Workspace) -> Trace | None:
        for dataset in library.all_datasets(workspace):
            if any(step.get("kind") == "near_duplicates" for step in dataset.meta.get("steps") or []):
                name = f"{dataset.name} v{dataset.version}"
                return Trace(Text(f"Dataset {name}", f"数据集 {name}"), "data")
        return None


def _said(texts: list[str], near: list[list[float]], kept: float) -> Picture:
    pairs = list(itertools.combinations(range(len(texts)), 2))
    a, b = max(pairs, key=lambda pair: near[pair[0]][pair[1]])
    return told(
        Text(
            f"Closest: “{texts[a]}” and “{texts[b]}” (cosine {near[a][b]:.2f}). The picture keeps {kept:.0%} of the differences.",
            f"最接近的：“{texts[a]}”和“{texts[b]}”（余弦 {near[a][b]:.2f}）。图中保留了 {kept:.0%} 的差异。",
        )
    )


def _plane(texts: list[str], flat: Any, kept: float) -> Picture:
    points = [
        (float(row[0]), float(row[1]) if len(row) > 1 else 0.0, text) for row, text in zip(flat, texts, strict=True)
    ]
    title = Text(
        f"The two main directions (PCA, {kept:.0%} of the variance)", f"两个主方向（PCA，占方差的 {kept:.0%}）"
    )
    return dots(
        title, {Text("text", "文字"): points}, Text("first", "第一"), Text("second", "第二"), arrows=True, named=True
    )


def _slices(found: Any) -> Picture:
    """The first numbers of each vector: what a vector is."""
    count = 32
    return lines(
        Text(f"The first {count} of {found.shape[1]} numbers", f"{found.shape[1]} 个数中的前 {count} 个"),
        {str(place): (list(range(1, count + 1)), row[:count].round(4).tolist()) for place, row in enumerate(found, 1)},
        Text("place in the vector", "向量中的位置"),
        Text("value", "值"),
    )


def _pairs(texts: list[str], found: Any, flat: Any, near: list[list[float]]) -> Picture:
    import numpy as np

    rows = [
        [f"{texts[a]} — {texts[b]}", f"{float(np.dot(found[a], found[b])):.2f}", f"{near[a][b]:.3f}",
         f"{float(np.linalg.norm(found[a] - found[b])):.2f}", f"{float(np.linalg.norm((flat[a] - flat[b])[:2])):.2f}"]
        for a, b in itertools.combinations(range(len(texts)), 2)
    ]  # fmt: skip
    rows.sort(key=lambda row: -float(row[2]))
    columns = [
        Text("pair", "两段文字"),
        Text("dot", "点积"),
        Text("cosine", "余弦"),
        Text("distance", "距离"),
        Text("in the picture", "图上距离"),
    ]
    return grid(columns, rows)
