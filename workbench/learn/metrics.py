"""4.3 Metrics: accuracy and F1 of a lopsided test, and BLEU and ROUGE of a sentence, step by step, by the workbench's own metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from workbench.core.errors import UserError
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.metric import METRICS
from workbench.core.picture import Picture, bars, grid, heat, strip, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn._seen import run_that, trained

ROWS = 100
LONGEST = 300
"""Characters of a sentence at most."""
USUAL, RARE = Text("usual", "常见"), Text("rare", "少见")


class Settings(Section):
    """A sentence and its reference; a test with a frequent label."""

    said: str = knob(
        "今天的天气很好，我们去公园吧。", Text("The model's sentence", "模型写的句子"), Text("Any language.", "任何语言都行。")
    )  # fmt: skip
    wanted: str = knob(
        "今天天气很好，我们一起去公园吧。", Text("The reference", "参考句子"), Text("What a person wrote.", "人写的句子。")
    )  # fmt: skip
    tokenizer: str = knob(
        "right",
        Text("Words of BLEU", "BLEU 怎么分词"),
        Text("A score without its tokenizer says nothing.", "不说明分词方式的分数没有意义。"),
        choices=(
            ("right", Text("what fits the script", "按文字种类自动选择")),
            ("13a", Text("13a: for Western languages", "13a：只适合西文")),
            ("zh", Text("zh: Chinese by characters", "zh：中文按字")),
        ),
    )
    usual: int = knob(
        95, Text("Rows with the usual label", "常见标签的行数"), Text("Of 100.", "共 100 行。"), ge=50, le=99
    )
    found: float = knob(0.0, Text("Rare rows found", "找出的少见行"), Text("Share of them.", "所占比例。"), ge=0, le=1)
    alarms: float = knob(
        0.0, Text("False alarms", "误报"), Text("Share of the usual rows that are called rare.", "常见行被误判为少见的比例。"), ge=0, le=1
    )  # fmt: skip


def answers(usual: int, found: float, alarms: float) -> tuple[list[str], list[str]]:
    """(said, wanted) of a hundred rows."""
    rare = ROWS - usual
    hits, wrong = round(found * rare), round(alarms * usual)
    said = ["rare"] * hits + ["usual"] * (rare - hits) + ["rare"] * wrong + ["usual"] * (usual - wrong)
    return said, ["rare"] * rare + ["usual"] * usual


def score(kind: str, said: Sequence[str], wanted: Sequence[str]) -> float:
    """A metric of the registry, as it is computed for a report card."""
    sums = METRICS.get(kind).sums(predictions=list(said), references=list(wanted))
    return float(sums.value(sums.rows.sum(0))) if sums else float("nan")


def bleu(said: str, wanted: str, tokenizer: str) -> Any:
    """sacrebleu's own account: counts, totals, precisions, bp, sys_len, ref_len, score; and the words it saw, (said, wanted)."""
    import sacrebleu

    made = sacrebleu.BLEU(tokenize=tokenizer)
    words = [made.tokenizer(text).split() for text in (said, wanted)]
    return made.corpus_score([said], [[wanted]]), words


@LABS.add
class Metrics(Lab):
    """See the module."""

    kind = "metrics"
    stop = "4.3"
    order = 75
    label = Text("Metrics", "评估指标")
    idea = (
        Text(
            "Accuracy counts right rows. Where one label is rare, always saying the other one is nearly always right and of no use. "
            "Macro F1 asks every label for itself: precision (of those called so, how many are) and recall (of those that are, how many found).",
            "准确率数答对的行。某个标签很少见时，永远回答另一个几乎总对，却毫无用处。宏平均 F1 逐个标签地问：精确率（判为它的有多少真是）"
            "和召回率（真是它的找出了多少）。",
        ),
        Text(
            "BLEU counts the sequences of 1 to 4 words that stand in the reference too, and is lowered when the text is too short. What a word is, "
            "the tokenizer says: one for Western languages takes a Chinese sentence for a single word.",
            "BLEU 数 1 到 4 个词的序列有多少也出现在参考里，句子太短再打折。什么算一个词由分词器决定：西文分词器会把整句中文当成一个词。",
        ),
    )
    guess = Guess(
        Text(
            "A good Chinese translation is scored by BLEU with the tokenizer for Western languages. The score is …",
            "一句不错的中文译文，用西文分词器算 BLEU，得分……",
        ),
        (
            Choice(
                Text("about the same", "差不多"),
                Text("Only where there are spaces between the words. Try 13a below.", "只有词之间有空格时才是。试试下面的 13a。"),
            ),
            Choice(
                Text("0 or nearly 0", "0 或接近 0"),
                Text(
                    "Yes: the whole sentence is one word, and it is not exactly the reference.",
                    "对：整句话被当成一个词，而它与参考不完全相同。",
                ),
                right=True,
            ),
            Choice(
                Text("higher: fewer words to get wrong", "更高：词少，错得少"),
                Text("One word that is not the same is wrong altogether.", "只有一个词，不一样就全错。"),
            ),
        ),
    )  # fmt: skip
    section = Settings
    breaks = Break(Text("Score Chinese with the wrong words", "用错误的分词给中文打分"), {"tokenizer": "13a"})
    far = True
    source = "Papineni et al., BLEU, ACL 2002; Lin, ROUGE, 2004; Post, A Call for Clarity in Reporting BLEU Scores, arXiv:1804.08771"

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        from workbench.metrics.rewriting import rouge, tokenizer_of

        if not knobs.said.strip() or not knobs.wanted.strip() or max(map(len, (knobs.said, knobs.wanted))) > LONGEST:
            raise UserError(
                f"Write both sentences, of at most {LONGEST} characters each.",
                f"请写好两个句子，每句不超过 {LONGEST} 个字符。",
                field="said",
            )
        tokenizer = tokenizer_of([knobs.wanted]) if knobs.tokenizer == "right" else knobs.tokenizer
        found, words = bleu(knobs.said, knobs.wanted, tokenizer)
        rouges = {f"ROUGE-{kind[5:]}": rouge(kind, knobs.said, knobs.wanted) for kind in ("rouge1", "rouge2", "rougeL")}
        said, wanted = answers(knobs.usual, knobs.found, knobs.alarms)
        return [
            _told(found, tokenizer, said, wanted),
            strip(_marked(*words), Text("Words BLEU sees in the model's sentence; underlined: they stand in the reference too", "BLEU 在模型句子里看到的词；下划线：参考里也有")),
            bars(Text("The sentence's scores", "这句话的得分"), ["BLEU", *rouges], {Text("score", "得分"): [found.score / 100, *rouges.values()]}, Text("0 to 1", "0 到 1"), form=".1%"),
            _scores(said, wanted),
            _confusion(said, wanted),
            _steps(found),
        ]  # fmt: skip

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["tokenizer"] for each in touched}) >= 2 or len({each["found"] for each in touched}) >= 2

    def real(self, workspace: Workspace) -> Real:
        run = run_that(workspace, lambda run: run.report)
        if run is None:
            return Real(Text("Train, and read the report card", "训练，然后看成绩单"), "train", preset="sentiment-zh")
        return Real(Text("Read the report card of your run", "看你的任务的成绩单"), "evaluate", run=run.id)

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, lambda run: run.report and run.report.get("baseline"))
        return Trace(trained(run), "evaluate", run.id) if run else None


def _told(found: Any, tokenizer: str, said: Sequence[str], wanted: Sequence[str]) -> Picture:
    right, macro = score("accuracy", said, wanted), score("f1", said, wanted)
    return told(
        Text(
            f"BLEU {found.score:.2f} with the tokenizer {tokenizer}. In the test with the rare label: accuracy {right:.1%}, macro F1 {macro:.1%}.",
            f"用分词器 {tokenizer} 得 BLEU {found.score:.2f}。在有少见标签的测验里：准确率 {right:.1%}，宏平均 F1 {macro:.1%}。",
        ),
        "plain",
    )


def _marked(said: Sequence[str], wanted: Sequence[str]) -> list[tuple[str, bool]]:
    """Every word said, and whether the reference still has one of it."""
    left, made = Counter(wanted), []
    for word in said:
        made.append((word, left[word] > 0))
        left[word] -= 1
    return made


def _scores(said: Sequence[str], wanted: Sequence[str]) -> Picture:
    kinds = ("accuracy", "f1", "precision", "recall", "mcc")
    values = [score(kind, said, wanted) for kind in kinds]
    title = Text("The test with the rare label", "有少见标签的测验")
    return bars(title, [METRICS.get(kind).label for kind in kinds], {Text("score", "得分"): values}, Text("0 to 1", "0 到 1"), form=".1%")  # fmt: skip


def _confusion(said: Sequence[str], wanted: Sequence[str]) -> Picture:
    pairs = Counter(zip(wanted, said, strict=True))
    counts = [[pairs[right, answer] for answer in ("usual", "rare")] for right in ("usual", "rare")]
    named = (Text("said", "回答"), Text("is", "实际"))
    return heat(Text("Who is taken for what", "谁被当成了谁"), counts, [USUAL, RARE], [USUAL, RARE], named, written=True, form="d")  # fmt: skip


def _steps(found: Any) -> Picture:
    rows: list[list[Any]] = [
        [Text(f"{size} in a row", f"{size} 个连续的词"), f"{right} ÷ {count}", f"{precision:.2f} %"]
        for size, (right, count, precision) in enumerate(
            zip(found.counts, found.totals, found.precisions, strict=True), 1
        )
    ]
    brevity = f"exp(1 − {found.ref_len} ÷ {found.sys_len})" if found.sys_len < found.ref_len else "1"
    rows.append([Text("brevity", "长度惩罚"), brevity, f"{found.bp:.4f}"])
    rows.append([Text("BLEU: geometric mean × brevity", "BLEU：几何平均 × 长度惩罚"), "", f"{found.score:.2f}"])
    columns = [Text("step", "步骤"), Text("shared ÷ said", "共有 ÷ 说出"), Text("value", "数值")]
    return grid(columns, rows, Text("BLEU, step by step", "BLEU，一步一步"))
