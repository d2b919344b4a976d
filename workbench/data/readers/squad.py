"""SQuAD 1.1 and 2.0: articles of paragraphs with questions (Rajpurkar et al., 2016, 2018) → one row per question."""

from __future__ import annotations

import json
import re
from typing import Any

from workbench.core.text import Text
from workbench.data.jsontext import CAUSES, explain
from workbench.data.table import READERS, Reader, Refused, Source, Table

START = re.compile(r"\s*\{")
COLUMNS = ["id", "title", "context", "question", "answers"]


@READERS.add
class Squad(Reader):
    """Questions with their text and the places of their answers."""

    kind = "squad"
    label = Text("SQuAD JSON", "SQuAD JSON")
    order = 25
    extensions = ()

    def claims(self, source: Source) -> bool:
        """An object with paragraphs and questions in it."""
        return bool(START.match(source.text)) and '"paragraphs"' in source.text and '"qas"' in source.text

    def read(self, source: Source) -> Table:
        """A row per question; an unanswerable one has an empty list of answers."""
        try:
            value = json.loads(source.text)
        except CAUSES as error:
            what = explain(error)
            raise source.error(f"not valid JSON: {what.en}.", f"不是有效的 JSON：{what.zh}。") from error
        rows: list[dict[str, Any]] = []
        refused: list[Refused] = []
        articles = value.get("data") if isinstance(value.get("data"), list) else [value]
        for article in articles:
            for paragraph in _lists(article, "paragraphs"):
                for asked in _lists(paragraph, "qas"):
                    row = _row(article, paragraph, asked)
                    if row is None:
                        refused.append(Refused(1, Text("a question without text", "问题缺少内容")))
                    else:
                        rows.append(row)
        return Table(COLUMNS, rows, refused, self.kind, source.decoded.encoding)


def _lists(value: Any, key: str) -> list[dict[str, Any]]:
    found = value.get(key) if isinstance(value, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _row(article: dict[str, Any], paragraph: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any] | None:
    context, question = paragraph.get("context"), asked.get("question")
    if not isinstance(context, str) or not isinstance(question, str) or not question.strip():
        return None
    answers = [] if asked.get("is_impossible") else _lists(asked, "answers")
    texts = {
        "text": [str(a.get("text", "")) for a in answers],
        "answer_start": [a.get("answer_start", -1) for a in answers],
    }
    return {
        "id": str(asked.get("id", "")),
        "title": str(article.get("title", "")),
        "context": context,
        "question": question,
        "answers": texts,
    }
