"""The model card alone: what the Hub shows of a model, with its figures as model-index."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from workbench.core.files import write_text
from workbench.core.text import Text
from workbench.engine.card import figures_of, written
from workbench.engine.taking import EXPORTS, Export


@EXPORTS.add
class Card(Export):
    """README.md."""

    kind: ClassVar[str] = "card"
    label: ClassVar[Text] = Text("Model card", "模型卡")
    help: ClassVar[Text] = Text(
        "README.md for the Hub: what was trained on what, with which figures, in both languages.",
        "Hub 用的 README.md：用什么数据训练了什么、得到什么数字，中英双语。",
    )
    order: ClassVar[int] = 10
    model: ClassVar[bool] = False

    def write(self, source: Any, section: Any, folder: Path) -> None:
        """The card of the run."""
        write_text(folder / "README.md", written(source.run, ""))

    def further(self, source: Any, section: Any, folder: Path, model: Any) -> list[dict[str, Any]]:
        """The figures on the card are those of the report."""
        report, card = (source.run.report or {}).get("after", {}), figures_of(folder / "README.md")
        what = ("Figures on the card", "模型卡上的数字")
        return [{"what": what, "run": str(len(report)), "export": str(len(card)), "ok": card == report}]

    def megabytes(self, run: Any, section: Any) -> float:
        """A page of text."""
        return 0.01
