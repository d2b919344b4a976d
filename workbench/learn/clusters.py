"""1.3 Clusters: k-means finds groups in your rows without any label; how many, and which, is not in the data alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Picture, dots, grid, lines, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.learn import _texts

ROWS, WIDE = 600, 20
"""Rows grouped, and numbers per row after the words were pressed together."""
MOST = 10
KEPT_WORDS = 5


class Settings(Section):
    """What is grouped, and how."""

    dataset: str = knob("sentiment-en", Text("Dataset", "数据集"), Text("Its rows are grouped.", "对它的行分组。"))
    groups: int = knob(
        4, Text("Groups (k)", "组数（k）"), Text("You choose it, not the data.", "由你定，而不是数据。"), ge=1, le=MOST
    )
    seed: int = knob(
        1,
        Text("Start", "起点"),
        Text("Which rows the first centres are.", "最初以哪些行为中心。"),
        ge=1,
        le=20,
    )
    steps: int = knob(
        20,
        Text("Rounds", "回合"),
        Text(
            "Each: rows to their nearest centre, centres to the mean of their rows.",
            "每回合：行归到最近的中心，中心移到本组行的均值。",
        ),
        ge=0,
        le=20,
    )


def kmeans(points: Any, groups: int, seed: int, steps: int) -> tuple[Any, list[float]]:
    """(group of each point, sum of squared distances to their centres before each round and at the end) by Lloyd's algorithm (1957).

    `points`: (rows, numbers). The first centres are rows drawn by chance. A group that loses all its rows keeps its centre.
    """
    import numpy as np

    centres = points[np.random.default_rng(seed).choice(len(points), groups, replace=False)].copy()
    told = []
    for step in range(steps + 1):
        far = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(-1)
        mine = far.argmin(1)
        told.append(float(far.min(1).sum()))
        if step == steps or (len(told) > 1 and told[-1] == told[-2]):
            break
        for group in set(mine.tolist()):
            centres[group] = points[mine == group].mean(0)
    return mine, told


def pressed(texts: list[str]) -> tuple[Any, Any, list[str]]:
    """(rows as a few numbers each (latent semantic analysis; Deerwester et al., 1990), TF-IDF, the words)."""
    from sklearn.decomposition import TruncatedSVD

    seen, _, words = _texts.vectors(texts, texts[:1], 4000)
    size = min(WIDE, seen.shape[1] - 1, len(texts) - 1)
    return TruncatedSVD(size, random_state=_texts.SEED).fit_transform(seen), seen, words


@LABS.add
class Clusters(Lab):
    """See the module."""

    kind = "clusters"
    stop = "1.3"
    order = 32
    label = Text("Groups without labels", "聚类")
    idea = (
        Text(
            "k-means knows no labels. It puts every row to its nearest centre, moves each centre to the middle of its rows, and repeats "
            "until nothing moves.",
            "k-means 不看标签。它把每一行归到最近的中心，再把中心移到本组的中间，如此往复，直到不再变化。",
        ),
        Text(
            "It finds which words rows have in common: a subject, a turn of phrase, seldom a feeling. Whether the groups are the ones you need, "
            "only reading rows tells.",
            "它找到的是各行共同的用词：话题、句式，很少是情感。这些组是不是你要的，只有读一读各行才知道。",
        ),
    )
    guess = Guess(
        Text(
            "Two groups of reviews, half of them positive, half negative. k-means with k = 2 finds …",
            "评论一半正面、一半负面，用 k = 2 的 k-means 分组，得到……",
        ),
        (
            Choice(
                Text("positive and negative", "正面和负面"),
                Text(
                    "Nobody told it that feeling matters. Words about food or films are more, so they decide. Compare the last column.",
                    "没人告诉它情感才重要。谈食物或电影的词更多，由它们决定。看看最后一列。",
                ),
            ),
            Choice(
                Text("groups by the words they share", "按共同用词分的组"),
                Text(
                    "Right: distance counts all words alike, so the subject or a turn of phrase decides.",
                    "对：距离对所有词一视同仁，所以由话题或句式决定。",
                ),
                right=True,
            ),
            Choice(
                Text("nothing: without labels nothing can be learned", "什么也没有：没有标签就学不到东西"),
                Text(
                    "The words it names for each group are learned from the rows alone.",
                    "它为每组列出的词，全是从行本身学来的。",
                ),
            ),
        ),
    )
    section = Settings
    breaks = Break(Text("No rounds: only the start decides", "不走任何回合：全凭起点"), {"steps": 0, "groups": 8})
    source = "Lloyd, Least Squares Quantization in PCM, IEEE Transactions on Information Theory 1982"

    def choices(self, workspace: Workspace) -> dict[str, _texts.Offered]:
        return {"dataset": _texts.offered(workspace)}

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:

        texts, labels = _rows(workspace, knobs.dataset)
        with _texts.one_thread():
            points, seen, words = pressed(texts)
            mine, fell = kmeans(points, knobs.groups, knobs.seed, knobs.steps)
            elbow = [min(kmeans(points, k, seed, 20)[1][-1] for seed in (1, 2, 3)) for k in range(1, MOST + 1)]
            plane = _plane(points)
        names = [_words(seen, mine == group, words) for group in range(knobs.groups)]
        return [
            _said(fell, mine, labels),
            _map(plane, mine, texts, names),
            lines(
                Text("More groups always fit better", "组越多，总是越贴合"),
                {Text("best of 3 starts", "3 个起点中最好的"): (list(range(1, MOST + 1)), elbow), Text("now", "现在"): ([knobs.groups], [fell[-1]])},
                Text("groups", "组数"),
                Text("squared distance to the centres", "到中心的平方距离"),
                points=["now", "best of 3 starts"],
            ),
            _table(mine, names, labels, texts),
        ]  # fmt: skip

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["groups"] for each in touched}) >= 2 and len({each["seed"] for each in touched}) >= 2

    def real(self, workspace: Workspace) -> Real:
        return Real(Text("See the map of your own rows", "看看自己数据的地图"), "data")

    def done(self, workspace: Workspace) -> Trace | None:
        mine = next((each for each in library.all_datasets(workspace) if not each.sample), None)
        return Trace(Text(f"Dataset {mine.name}", f"数据集 {mine.name}"), "data") if mine else None


def _rows(workspace: Workspace, name: str) -> tuple[list[str], list[str]]:
    """Texts, and their labels where the dataset has some."""
    dataset = library.find(workspace, name)
    pairs: list[tuple[str, str]] = []
    if {"text", "label"} <= set(dataset.meta["roles"].values()):
        pairs = _texts.labelled(workspace, name)[0]
    found = _texts.mixed(pairs or [(text, "") for text in _texts.texts(workspace, name)])[:ROWS]
    if len({text for text, _ in found}) < MOST + 2:
        raise UserError(
            f"Dataset “{name}” has too few different rows to be grouped; at least {MOST + 2} are needed.",
            f"数据集“{name}”中不同的行太少，无法分组；至少需要 {MOST + 2} 行。",
            field="dataset",
        )
    return [text for text, _ in found], [label for _, label in found]


def _plane(points: Any) -> Any:
    """The two directions in which the points differ most."""
    import numpy as np

    middle = points - points.mean(0)
    return middle @ np.linalg.svd(middle, full_matrices=False)[2][:2].T


def _words(seen: Any, inside: Any, words: list[str]) -> str:
    """The words that set a group apart."""
    import numpy as np

    if not inside.any():
        return "–"
    apart = np.asarray(seen[inside].mean(0) - seen.mean(0)).ravel()
    return ", ".join(words[place].strip() for place in apart.argsort()[::-1][:KEPT_WORDS])


def _said(fell: list[float], mine: Any, labels: list[str]) -> Picture:
    start, end, rounds = fell[0], fell[-1], len(fell) - 1
    en = f"{rounds} rounds: the squared distance fell from {start:.1f} to {end:.1f}."
    zh = f"{rounds} 个回合：平方距离从 {start:.1f} 降到 {end:.1f}。"
    if any(labels):
        from sklearn.metrics import adjusted_rand_score

        same = round(float(adjusted_rand_score(labels, mine)), 2) + 0.0  # no −0.00
        en += f" Agreement with the labels (adjusted Rand index; 0: chance, 1: the same groups): {same:.2f}."
        zh += f"与标签的一致程度（调整兰德指数；0：碰巧，1：分组相同）：{same:.2f}。"
    return told(Text(en, zh))


def _map(plane: Any, mine: Any, texts: list[str], names: list[str]) -> Picture:
    groups: dict[Text | str, list[tuple[float, float, str]]] = {}
    for (x, y), group, text in zip(plane.tolist(), mine.tolist(), texts, strict=True):
        groups.setdefault(_named(group, ""), []).append((x, y, text))
    ordered = {name: groups[name] for name in sorted(groups, key=lambda name: int(str(name[0]).split()[-1]))}
    return dots(
        Text("Rows on a plane: hover to read one", "平面上的行：悬停即可阅读"),
        ordered,
        Text("first direction", "第一方向"),
        Text("second direction", "第二方向"),
    )


def _named(group: int, words: str) -> Text:
    return Text(f"group {group + 1}{words}", f"第 {group + 1} 组{words}")


def _table(mine: Any, names: list[str], labels: list[str], texts: list[str]) -> Picture:
    rows = []
    for group, words in enumerate(names):
        inside = [place for place, own in enumerate(mine.tolist()) if own == group]
        usual = Counter(labels[place] for place in inside).most_common(1)
        share = f"{usual[0][0]} {usual[0][1] / len(inside):.0%}" if usual and usual[0][0] else "–"
        rows.append([_named(group, ""), len(inside), words, shorten(texts[inside[0]], 70) if inside else "–", share])
    columns = [
        Text("group", "组"), Text("rows", "行数"), Text("words that set it apart", "有别于其他组的词"), Text("one of them", "其中一行"),
        Text("most frequent label", "最常见的标签"),
    ]  # fmt: skip
    return grid(columns, rows)
