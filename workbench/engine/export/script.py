"""The plain twin as a file: python train.py, with nothing but Transformers, PEFT and (for preferences) TRL."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from workbench.core.files import write_text
from workbench.core.knob import Section
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.engine import twin
from workbench.engine.taking import EXPORTS, REFERENCE, Export, TwinSection
from workbench.engine.twin_check import compared


@EXPORTS.add
class Script(Export):
    """train.py and train.jsonl."""

    kind: ClassVar[str] = "script"
    label: ClassVar[Text] = Text("Plain script", "训练脚本")
    help: ClassVar[Text] = Text(
        "The same training as a short commented Python script of Transformers and PEFT, with its rows: to read, change and run anywhere.",
        "同样的训练，写成一个带注释的 Transformers 与 PEFT 短脚本，附带数据：可以阅读、修改，随处运行。",
    )
    order: ClassVar[int] = 6
    section: ClassVar[type[Section]] = TwinSection
    model: ClassVar[bool] = False

    def fits(self, run: Run, config: dict[str, Any]) -> Text | None:
        """Where there is a text for the task."""
        return twin.refusal(run.recipe)

    def write(self, source: Any, section: Any, folder: Path) -> None:
        """Script, rows, and the versions it was made with."""
        made = twin.Twin(source)
        write_text(folder / "train.py", twin.script(twin.pieces(made, *source.hub_name), twin.about(source)))
        write_text(folder / "requirements.txt", "\n".join(twin.needs(source)) + "\n")
        twin.write(made, folder)

    def further(self, source: Any, section: Any, folder: Path, model: Any) -> list[dict[str, Any]]:
        """Its first losses beside the run's."""
        with tempfile.TemporaryDirectory() as place:
            shutil.copytree(folder, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns(REFERENCE))
            return compared(source, Path(place) / "train.py", section.check_steps)

    def megabytes(self, run: Run, section: Any) -> float:
        """Mostly the rows."""
        return 1.0
