"""A tag for every word: names, places, parts of speech. BIO, BIOES or plain tags, frozen from the training rows.

What it does not know: which spans are legal. A tag is the likeliest one of its word's first token, each word by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from workbench.core.errors import Unusable, UserError
from workbench.core.task import TASKS, Encoded, Role, Row, Task, TaskSection
from workbench.core.text import Text
from workbench.tasks import IGNORED, pad_right

OUTSIDE = "O"
_WORDS = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|'s|\w+|[^\w\s]")
_CJK = re.compile(r"[\u3400-\u9fff\u3040-\u30ff\uf900-\ufaff\uff00-\uffef\u3000-\u303f]")


class TokenClassificationSection(TaskSection):
    """No knobs beside the shared ones."""

    kind: str = "token-classification"


@TASKS.add
class TokenClassification(Task):
    """A head over every position."""

    kind = "token-classification"
    order = 3
    label = Text("Token classification (NER)", "词元分类（命名实体识别）")
    help = Text(
        "Teaches a model to mark words: names, places, products … One tag per word, such as B-PER I-PER O.",
        "让模型给每个词打标签：人名、地名、产品等。每个词一个标签，如 B-PER I-PER O。",
    )
    section = TokenClassificationSection
    roles = (
        Role("tokens", Text("words", "词"), Text("The words, as a list or separated by spaces.", "词的列表，或以空格分隔。"), names="tokens words token word sentence_tokens 词 字 词语", looks="any"),
        Role("tags", Text("tags", "标签序列"), Text("One tag per word, in the same order.", "与词一一对应的标签。"), names="tags ner_tags ner pos_tags labels bio tag 标签 标注 标签序列", looks="any"),
    )  # fmt: skip
    sample = "people-and-places"
    asks = ("tokens",)
    auto_class = "AutoModelForTokenClassification"
    peft_type = "TOKEN_CLS"
    headless = ("bart", "mbart", "pegasus", "marian")
    metrics = ("entity_f1", "entity_precision", "entity_recall", "entity_f1_strict", "token_accuracy")
    main_metric = "entity_f1"

    def prepare(self, row: Row) -> Row:
        """Lists of words and tags of one length."""
        words, tags = _listed(row["tokens"]), _listed(row["tags"])
        if len(words) != len(tags) or not words:
            raise Unusable(f"{len(words)} words but {len(tags)} tags", f"{len(words)} 个词却有 {len(tags)} 个标签")
        return {"tokens": words, "tags": tags}

    def check(self, rows: Sequence[Row]) -> None:
        """There must be something to tell apart."""
        known = tags_of(rows)
        if len(known) < 2:
            raise UserError(
                f"data: the training rows have one tag only ({', '.join(known)}); at least two are needed.",
                f"data：训练数据只有一种标签（{', '.join(known)}）；至少需要两种。",
                field="data.roles",
            )

    def model_options(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The tags of the training rows, O first."""
        known = tags_of(rows)
        return {
            "num_labels": len(known),
            "id2label": dict(enumerate(known)),
            "label2id": {tag: index for index, tag in enumerate(known)},
        }

    def encode(self, rows: Sequence[Row], tokenizer: Any, section: Any, model: Any) -> Encoded:
        """Ids of the sentence; a word's tag stands at its first token, its other tokens are not learned."""
        made, known = Encoded(), model.config.label2id
        for index, row in enumerate(rows):
            ids, firsts, cut = self._located(row["tokens"], tokenizer, section.max_length)
            labels = [IGNORED] * len(ids)
            for word, place in enumerate(firsts):
                if place is not None:
                    labels[place] = known.get(row["tags"][word], IGNORED)
            made.cut += cut
            made.inputs.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels})
            made.kept.append(index)
        return made

    def _located(self, words: Sequence[str], tokenizer: Any, limit: int) -> tuple[list[int], list[int | None], bool]:
        """Ids, and for each word the position of its first token (None when it was cut off)."""
        text, starts = joined(words)
        whole = tokenizer(
            text, return_offsets_mapping=True, split_special_tokens=True, truncation=True, max_length=limit
        )
        place: dict[int, int] = {}
        for position, (start, end) in enumerate(whole["offset_mapping"]):
            for char in range(start, end):
                place.setdefault(char, position)
        firsts = [place.get(start) for start in starts]
        return whole["input_ids"], firsts, firsts[-1] is None

    def collator(self, tokenizer: Any) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
        """Pads on the right."""
        return pad_right(tokenizer)

    def predict(self, rows: Sequence[Row], judge: Any) -> dict[str, Any]:
        """The likeliest tag of every word; a word beyond the maximum length is O."""
        names = judge.labels()
        blank = names[0]
        plain = [{**row, "tags": [blank] * len(row["tokens"])} for row in rows]
        encoded = self.encode(plain, judge.tokenizer, judge.section, judge.model)

        def best(batch: dict[str, Any]) -> list[list[int]]:
            batch.pop("labels")
            return list(judge.model(**batch).logits.argmax(-1).tolist())

        found = judge.map(self, encoded.inputs, best)
        tags = []
        for row, picked in zip(rows, found, strict=True):
            firsts = self._located(row["tokens"], judge.tokenizer, judge.section.max_length)[1]
            tags.append([OUTSIDE if place is None else names[picked[place]] for place in firsts])
        return {"tags": tags}

    def attempt(self, fields: dict[str, str], judge: Any) -> str:
        """The marked spans of a sentence as people write it."""
        words = _WORDS.findall(fields["tokens"]) or [fields["tokens"]]
        return told(words, self.predict([{"tokens": words, "tags": []}], judge)["tags"][0])

    def picture(self, fields: dict[str, str], judge: Any) -> dict[str, Any]:
        """The sentence, its spans marked."""
        text = fields["tokens"]
        found = list(_WORDS.finditer(text))
        words = [match.group() for match in found] or [text]
        tags = self.predict([{"tokens": words, "tags": []}], judge)["tags"][0]
        places = [match.span() for match in found] or [(0, len(text))]
        return {"text": told(words, tags), "pieces": marked(text, places, tags)}

    def inputs(self, rows: Sequence[Row], predictions: Any) -> dict[str, dict[str, Any]]:
        """By whole entities, and by words."""
        wanted, said = [row["tags"] for row in rows], predictions["tags"]
        right = [sum(a == b for a, b in zip(x, y, strict=True)) for x, y in zip(said, wanted, strict=True)]
        spans: dict[str, dict[str, Any]] = {
            kind: {"predictions": said, "references": wanted} for kind in self.metrics[:-1]
        }
        return {**spans, "token_accuracy": {"predictions": right, "references": [len(tags) for tags in wanted]}}

    def shown(self, rows: Sequence[Row], predictions: Any) -> list[dict[str, Any]]:
        """Sentences with their entities: right, and said."""
        return [
            {"text": joined(row["tokens"])[0], "reference": told(row["tokens"], row["tags"]), "answer": told(row["tokens"], said)}
            for row, said in zip(rows, predictions["tags"], strict=True)
        ]  # fmt: skip

    def gains(self, rows: Sequence[Row], predictions: Any) -> list[float]:
        """Share of a row's words with the right tag."""
        pairs = zip(predictions["tags"], (row["tags"] for row in rows), strict=True)
        return [sum(a == b for a, b in zip(said, wanted, strict=True)) / len(wanted) for said, wanted in pairs]

    def guesses(self, train: Sequence[Row], heldout: Sequence[Row]) -> dict[str, Any]:
        """Every word gets the tag it had most often in training; an unknown word is O."""
        counts: dict[str, dict[str, int]] = {}
        for row in train:
            for word, tag in zip(row["tokens"], row["tags"], strict=True):
                seen = counts.setdefault(word, {})
                seen[tag] = seen.get(tag, 0) + 1
        usual = {word: max(seen, key=lambda tag: seen[tag]) for word, seen in counts.items()}
        tags = [[usual.get(word, OUTSIDE) for word in row["tokens"]] for row in heldout]
        return {"lookup": {"tags": tags}}


def tags_of(rows: Sequence[Row]) -> list[str]:
    """Every tag, O first."""
    found = {tag for row in rows for tag in row["tags"]}
    return [*([OUTSIDE] if OUTSIDE in found else []), *sorted(found - {OUTSIDE})]


def _listed(value: Any) -> list[str]:
    """A list, JSON of one, or words separated by spaces."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            value = value.strip()
    return [str(item) for item in (value.split() if isinstance(value, str) else value)]


def joined(words: Sequence[str]) -> tuple[str, list[int]]:
    """The sentence as people write it, spaces only between words that are not Chinese or Japanese; each word's start."""
    text, starts = "", []
    for word in words:
        if text and not (_CJK.match(word[:1]) or _CJK.match(text[-1])):
            text += " "
        starts.append(len(text))
        text += word
    return text, starts


def kind_of(tag: str) -> tuple[str, str]:
    """("B", "PER") of "B-PER"; a plain tag has no prefix, and outside there is no kind."""
    prefix, _, kind = tag.partition("-") if tag[1:2] == "-" else ("", "", "" if tag == OUTSIDE else tag)
    return prefix, kind


def marked(text: str, places: Sequence[tuple[int, int]], tags: Sequence[str]) -> list[list[str]]:
    """The text in pieces, each with the kind of its span or ""."""
    pieces: list[list[str]] = []
    done, inside = 0, ""
    for (start, end), tag in zip(places, tags, strict=True):
        prefix, kind = kind_of(tag)
        if kind and kind == inside and prefix not in ("B", "S"):
            pieces[-1][0] += text[done:end]
        else:
            pieces += [[text[done:start], ""], [text[start:end], kind]]
        done, inside = end, kind
    return [piece for piece in [*pieces, [text[done:], ""]] if piece[0]]


def told(words: Sequence[str], tags: Sequence[str]) -> str:
    """The marked spans in words: "PER: Mia; LOC: the park"."""
    spans: list[tuple[str, list[str]]] = []
    inside = ""
    for word, tag in zip(words, tags, strict=True):
        prefix, kind = kind_of(tag)
        if kind and (kind != inside or prefix in ("B", "S")):
            spans.append((kind, []))
        if kind:
            spans[-1][1].append(word)
        inside = kind
    return "; ".join(f"{kind}: {joined(found)[0]}" for kind, found in spans) or "–"
