"""2.2 Tokenizer: a text becomes pieces and numbers; what the pieces cost in two languages, and what is cut off."""

from __future__ import annotations

from typing import Any, NamedTuple

from workbench.core.errors import UserError
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Named, Picture, bars, grid, strip, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn import _offered
from workbench.learn._seen import chosen, run_that, trained
from workbench.models import catalog
from workbench.models.counting import counter

WIDEST = 400
"""Characters of a text that is looked at."""
SHOWN = 24
"""Tokens in the table."""
WHOLE = Text("whole characters", "完整字符")
PART = Text("part of a character (bytes)", "字符的一部分（字节）")
UNKNOWN = Text("unknown: its bytes are lost", "未知：原文丢失")
FRAME = Text("added by the model", "模型自己加的")


class Piece(NamedTuple):
    """A token: its id, its text ("" where it is part of a character), its bytes, and what it is."""

    id: int
    text: str
    size: int
    what: Text


class Settings(Section):
    """Two texts and who reads them."""

    english: str = knob(
        "The little boat sails at night.",
        Text("English text", "英文"),
        Text("Anything; try a rare word.", "任意内容；试试生僻的词。"),
    )
    chinese: str = knob(
        "小船在夜里航行。🦊",
        Text("Chinese text", "中文"),
        Text("The same in Chinese; try a rare character or an emoji.", "同样的意思用中文写；试试生僻字或表情符号。"),
    )
    model: str = knob("lumo", Text("Whose tokenizer", "谁的分词器"), Text("Every model has its own.", "每个模型都有自己的分词器。"))  # fmt: skip
    limit: int = knob(
        32,
        Text("Maximum length", "最大长度"),
        Text("Tokens beyond it are cut off.", "超出的词元会被截断。"),
        ge=4,
        le=64,
    )


def pieces(tokenizer: Any, text: str) -> list[Piece]:
    """The tokens of a text, as the tokenizer's own offsets (in characters) tell them. A character whose bytes fall on several tokens is
    shared out evenly in `size`."""
    made = tokenizer.encode(text)
    shares: dict[int, int] = {}
    for start, end in made.offsets:
        for place in range(start, end):
            shares[place] = shares.get(place, 0) + 1
    return [_piece(text, token, span, shares) for token, span in zip(zip(made.ids, made.tokens, strict=True), made.offsets, strict=True)]  # fmt: skip


def _piece(text: str, token: tuple[int, str], span: tuple[int, int], shares: dict[int, int]) -> Piece:
    start, end = span
    piece = text[start:end]
    if not piece:
        return Piece(token[0], token[1], 0, FRAME)
    size = sum(round(len(text[place].encode()) / shares[place]) for place in range(start, end))
    if "unk" in token[1].lower() and "unk" not in piece.lower():
        return Piece(token[0], piece, size, UNKNOWN)
    split = any(shares[place] > 1 for place in range(start, end))
    return Piece(token[0], "" if split else piece, size, PART if split else WHOLE)


def bytes_per_token(found: list[Piece], text: str) -> float:
    """UTF-8 bytes of the text per token, the model's own frame not counted."""
    return len(text.encode()) / max(1, sum(each.what is not FRAME for each in found))


@LABS.add
class Tokenizer(Lab):
    """See the module."""

    kind = "tokenizer"
    stop = "2.2"
    order = 45
    label = Text("Tokenizer", "分词器")
    idea = (
        Text(
            "A model reads numbers. The tokenizer cuts a text into pieces that are in its vocabulary and gives each its number (id). "
            "A frequent word is one piece, a rare one several.",
            "模型读的是数字。分词器把文字切成词表里有的片段，每个片段对应一个编号（id）。常见的词是一个片段，少见的词要好几个。",
        ),
        Text(
            "A character that is not in the vocabulary is spelled out in bytes, or becomes “unknown” and is lost: that depends on the model. "
            "Length limits and prices count tokens, not characters.",
            "词表里没有的字符，要么按字节拼出来，要么变成“未知”而丢失，这取决于模型。长度上限和计费数的都是词元，不是字符。",
        ),
    )
    guess = Guess(
        Text("The word “unbelievably” is, for a small model, …", "“unbelievably”这个词，对小模型来说是……"),
        (
            Choice(
                Text("one token: it is one word", "一个词元：它是一个词"),
                Text(
                    "Only if the vocabulary has it whole. With a few thousand pieces there is no room for rare words.",
                    "除非词表里正好有整个词。只有几千个片段时，放不下少见的词。",
                ),
            ),
            Choice(
                Text("several tokens", "好几个词元"),
                Text(
                    "Yes: pieces such as “un” and “ly”, which many words share. Type it and see.",
                    "对：切成许多词共用的“un”“ly”之类的片段。输入试试。",
                ),
                right=True,
            ),
            Choice(
                Text("12 tokens, one per letter", "12 个词元，每个字母一个"),
                Text(
                    "That would be a character model: texts would be about four times as long.",
                    "那是按字符的模型：文字会变成大约四倍长。",
                ),
            ),
        ),
    )
    section = Settings
    breaks = Break(
        Text("Give Chinese to the English encoder", "把中文交给英文编码器"), {"model": "all-MiniLM-L6-v2", "limit": 8}
    )
    source = "Sennrich et al., Neural Machine Translation of Rare Words with Subword Units, arXiv:1508.07909"

    def choices(self, workspace: Workspace) -> dict[str, list[tuple[Text | str, str]]]:
        return {"model": _offered.models(workspace)}

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        texts = {"english": knobs.english, "chinese": knobs.chinese}
        for name, text in texts.items():
            _check(name, text)
        reader = counter(catalog.here(workspace, knobs.model)).tokenizer
        both = {name: pieces(reader, text) for name, text in texts.items()}
        kept = all(reader.decode([each.id for each in found]) == texts[name] for name, found in both.items())
        return [
            _said(texts, both),
            *(_strip(found, knobs.limit) for found in both.values()),
            _lost(both, kept),
            _compared(workspace, texts, knobs.model),
            *(_table(name, found) for name, found in both.items()),
        ]

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["model"] for each in touched}) >= 2

    def real(self, workspace: Workspace) -> Real:
        label = Text("Set the maximum length and look at your own rows", "设定最大长度，看看自己的数据行")
        return Real(label, "train", {"task.max_length": 80}, preset="sentiment-zh")

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, lambda run: chosen(run, "task.max_length"))
        return Trace(trained(run), "runs", run.id) if run else None


def _check(name: str, text: str) -> None:
    if not text.strip():
        raise UserError("Type a text first.", "请先输入一段文字。", field=name)
    if len(text) > WIDEST:
        raise UserError(
            f"The text has {len(text)} characters; up to {WIDEST} can be seen at once. Shorten it.",
            f"这段文字有 {len(text)} 个字符，一次最多能看 {WIDEST} 个，请缩短。",
            field=name,
        )


def _said(texts: dict[str, str], both: dict[str, list[Piece]]) -> Picture:
    rates = {name: bytes_per_token(found, texts[name]) for name, found in both.items()}
    en, zh = (len(found) for found in both.values())
    signs = {name: len(text) for name, text in texts.items()}
    return told(
        Text(
            f"English: {signs['english']} characters, {en} tokens, {rates['english']:.2f} bytes per token. Chinese: {signs['chinese']} characters, "
            f"{zh} tokens, {rates['chinese']:.2f} bytes per token.",
            f"英文：{signs['english']} 个字符，{en} 个词元，每个词元 {rates['english']:.2f} 字节。中文：{signs['chinese']} 个字符，"
            f"{zh} 个词元，每个词元 {rates['chinese']:.2f} 字节。",
        )
    )


def _strip(found: list[Piece], limit: int) -> Picture:
    kept = [(each.text or "·", False) for each in found[:limit]]
    cut = max(0, len(found) - limit)
    return strip(
        kept,
        Text(
            f"{len(kept)} tokens are read; {cut} are cut off. A dot is a piece of a character.",
            f"读入 {len(kept)} 个词元，截断 {cut} 个。圆点表示字符的一部分。",
        ),
    )


def _lost(both: dict[str, list[Piece]], kept: bool) -> Picture:
    """What cannot be read back from the ids; `kept`: nothing at all is lost."""
    if kept:
        return told(
            Text("Nothing is lost: decoding the ids gives the texts again.", "没有丢失：把 id 解码，正好还原出原文。"),
            "good",
        )
    lost = "".join(dict.fromkeys(each.text for found in both.values() for each in found if each.what is UNKNOWN))
    if not lost:
        return told(
            Text(
                "Every word has its ids, but capitals or spaces are not kept.",
                "每个词都有 id，但大小写或空格没有保留。",
            )
        )
    return told(
        Text(
            f"Lost: {lost}. This model has no token for them and sees the same “unknown” for all.",
            f"丢失：{lost}。这个模型没有对应的词元，它们在模型眼里全是同一个“未知”。",
        ),
        "bad",
    )


def _compared(workspace: Workspace, texts: dict[str, str], chosen: str) -> Picture:
    """Tokens of both texts for every model at hand, the chosen one first."""
    names = dict.fromkeys([chosen, *(name for _, name in _offered.models(workspace))])
    counters = [counter(catalog.here(workspace, name)) for name in list(names)[:4]]
    tokens = [found.counts(texts.values()) for found in counters]
    titled = {Text("English text", "英文"): 0, Text("Chinese text", "中文"): 1}
    return bars(
        Text("Tokens of the two texts, by model", "两段文字在各模型中的词元数"),
        [name.rsplit("/", 1)[-1] for name in list(names)[:4]],
        {title: [row[place] for row in tokens] for title, place in titled.items()},
        Text("tokens", "词元数"),
    )


def _table(name: str, found: list[Piece]) -> Picture:
    titles = {
        "english": Text("English text, token by token", "英文，逐个词元"),
        "chinese": Text("Chinese text, token by token", "中文，逐个词元"),
    }
    rows = [[place, each.text or "·", each.id, each.size, each.what] for place, each in enumerate(found[:SHOWN], 1)]
    columns: list[Named] = ["#", Text("token", "词元"), "id", Text("bytes", "字节"), Text("what it is", "是什么")]
    return grid(columns, rows, titles[name])
