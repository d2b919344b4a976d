"""Everything of a run in one file: its adapter (or model), recipe, report and card."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any, ClassVar

from workbench.core.files import write_text
from workbench.core.method import METHODS
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.engine.card import portable
from workbench.engine.taking import EXPORTS, REFERENCE, Export, section_of

REPORT = "report.json"


@EXPORTS.add
class Zip(Export):
    """One file to send."""

    kind: ClassVar[str] = "zip"
    label: ClassVar[Text] = Text("Archive (.zip)", "压缩包（.zip）")
    help: ClassVar[Text] = Text(
        "Adapter (or whole model), recipe, report and card in one file: to keep, or to send to somebody who has the base model.",
        "把适配器（或完整模型）、配方、报告和模型卡放进一个文件：用于存档，或发给已有基础模型的人。",
    )
    order: ClassVar[int] = 9
    full: ClassVar[bool] = False

    def write(self, source: Any, section: Any, folder: Path) -> None:
        """Written plainly, then packed."""
        inner, plain = inside(source.run), folder / "plain"
        plain.mkdir()
        inner.write(source, section_of(inner, {}), plain)
        write_text(plain / "recipe.yaml", portable(source.recipe))
        if (source.run.result / REPORT).is_file():
            shutil.copy(source.run.result / REPORT, plain)
        with zipfile.ZipFile(folder / f"{source.run.id}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            for path in sorted(path for path in plain.rglob("*") if path.is_file()):
                packed.write(path, path.relative_to(plain).as_posix())
        shutil.rmtree(plain)

    def reload(self, source: Any, section: Any, folder: Path) -> tuple[Any, Any]:
        """Unpacked beside the reference, which goes away after the check."""
        inner, plain = inside(source.run), folder / REFERENCE / "unpacked"
        with zipfile.ZipFile(folder / f"{source.run.id}.zip") as packed:
            packed.extractall(plain)
        return inner.reload(source, section_of(inner, {}), plain)


def inside(run: Run) -> Export:
    """The adapter, or the whole model where one was trained."""
    return EXPORTS.get("merged" if METHODS.get(run.recipe.method.kind).stores == "model" else "adapter")
