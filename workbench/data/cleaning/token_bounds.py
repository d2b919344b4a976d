"""Rows that are too short or too long for a model, in tokens of its own tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View


class TokenBoundsSection(StepSection):
    """The model and the bounds. `sha256` is the tokenizer's, written down when the step is done and asked for again at a replay."""

    kind: str = "token_bounds"
    model: str = knob(
        "",
        Text("Model", "模型"),
        Text(
            "Whose tokenizer counts: a starter, a downloaded model (owner/name), or a folder.",
            "用哪个模型的分词器计数：自带模型、已下载的模型（owner/name）或文件夹。",
        ),
        names="model",
        example="lumo",
    )
    shortest: int = knob(
        1,
        Text("Fewest tokens", "最少词元"),
        Text("Tokens at least.", "至少多少词元。"),
        ge=0,
        le=10_000_000,
        example="1",
    )
    longest: int = knob(
        512, Text("Most tokens", "最多词元"), Text("Tokens at most; 0 is no bound.", "至多多少词元；0 表示不限。"), ge=0, le=10_000_000, example="512"
    )  # fmt: skip
    sha256: str = ""


@CLEANING.add
class TokenBounds(Step):
    """Keep what lies between."""

    kind = "token_bounds"
    order = 13
    label = Text("Token limits", "词元数限制")
    help = Text(
        "Drops rows outside the limits, counted as the model you will train counts them. Special tokens are counted, a chat template is not.",
        "按要训练的模型计数，去掉超出限制的行。计入特殊词元，不计对话模板。",
    )
    section = TokenBoundsSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """By the tokens of all named columns together; the tokenizer is told by its hash."""
        from workbench.models.counting import counter

        columns, counting = view.named(section), counter(_folder(section.model, view))
        if section.sha256 and section.sha256 != counting.sha256:
            raise _another(section, counting.sha256)
        counts = counting.counts(view.text_of(row, columns) for row in rows)

        def judged(row: Row, count: int) -> Row | Text:
            if count < section.shortest or (section.longest and count > section.longest):
                return Text(f"{count:,} tokens", f"{count:,} 个词元")
            return row

        made = [judged(rows[place], count) for place, count in enumerate(counts)]
        return Outcome(made, found={"sha256": counting.sha256})


def _folder(model: str, view: View) -> Any:
    from workbench.models import catalog

    if not model.strip():
        raise UserError(
            "model: say whose tokenizer counts, for instance lumo.",
            "model：请填写用哪个模型的分词器计数，例如 lumo。",
            field="model",
        )
    return catalog.here(view.home or Workspace(), model.strip())


def _another(section: Any, found: str) -> UserError:
    name, old, new = shorten(section.model), section.sha256[:8], found[:8]
    return UserError(
        f"model: the step was made with a tokenizer of {name} that is not the one here (sha256 {old}… there, {new}… here), so it would "
        "count otherwise. Fetch that revision, or do the step anew with the tokenizer that is here.",
        f"model：制作此步骤时 {name} 的分词器与本机的不同（sha256：原 {old}…，本机 {new}…），计数会不一样。"
        "请获取当时的版本，或用本机的分词器重新做这一步。",
        field="model",
    )
