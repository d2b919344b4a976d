"""The plain twin as a notebook for Colab, Kaggle or Jupyter: an install cell, a data cell, then the script step by step."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from workbench.core.files import write_text
from workbench.core.knob import Section
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.engine import twin
from workbench.engine.card import plain
from workbench.engine.taking import EXPORTS, REFERENCE, Export, TwinSection
from workbench.engine.twin_check import compared

INSIDE = 2_000_000
"""Bytes of rows that are written into the notebook; more lie beside it."""
UPLOAD = """from pathlib import Path

if not Path("train.jsonl").exists():  # lies beside this notebook
    try:
        from google.colab import files
    except ImportError:
        raise SystemExit("Put train.jsonl beside this notebook, then run this cell again. 请把 train.jsonl 放到笔记本旁边，再运行本单元格。")
    files.upload()"""
FOLDER = Text(
    "**The base model `{name}` lies on the machine where this was exported and on no hub.** Upload its folder and name it in `MODEL` below.",
    "**基础模型 `{name}` 只在导出时的机器上，不在任何 Hub 上。** 请上传它的文件夹，并在下面的 `MODEL` 中写上路径。",
)


@EXPORTS.add
class Notebook(Export):
    """train.ipynb."""

    kind: ClassVar[str] = "notebook"
    label: ClassVar[Text] = Text("Notebook", "笔记本")
    help: ClassVar[Text] = Text(
        "The same training as a notebook that runs as it is on Colab, Kaggle or Jupyter, with its rows inside. Needs the base model on the Hub.",
        "同样的训练，写成可直接在 Colab、Kaggle 或 Jupyter 运行的笔记本，数据在其中。需要 Hub 上的基础模型。",
    )
    order: ClassVar[int] = 7
    section: ClassVar[type[Section]] = TwinSection
    model: ClassVar[bool] = False

    def fits(self, run: Run, config: dict[str, Any]) -> Text | None:
        """Where there is a text for the task."""
        return twin.refusal(run.recipe)

    def write(self, source: Any, section: Any, folder: Path) -> None:
        """The notebook; many rows lie beside it."""
        made, (name, there) = twin.Twin(source), source.hub_name
        rows = twin.lines(made.rows)
        beside = len(rows.encode()) > INSIDE
        if beside:
            twin.write(made, folder)
        cells = [
            _words(twin.about(source, plain)),
            *([] if there else [_words(FOLDER.fill(name=name.replace("`", "'")))]),
        ]
        cells += [_code("%pip install -q " + " ".join(twin.needs(source)), "install"), *_data(made.rows, beside)]
        for number, piece in enumerate(twin.pieces(made, name, there), start=1):
            cells += [_words(Text(f"## {number}. {piece.title.en}", piece.title.zh)), _code(piece.code)]
        write_text(folder / "train.ipynb", json.dumps(_notebook(cells), ensure_ascii=False, indent=1) + "\n")

    def further(self, source: Any, section: Any, folder: Path, model: Any) -> list[dict[str, Any]]:
        """Its cells, one after the other in a process, and the first losses beside the run's."""
        with tempfile.TemporaryDirectory() as place:
            shutil.copytree(folder, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns(REFERENCE))
            script = Path(place) / "cells.py"
            write_text(script, cells_of(folder / "train.ipynb"))
            return compared(source, script, section.check_steps)

    def megabytes(self, run: Run, section: Any) -> float:
        """Mostly the rows."""
        return 1.0


def cells_of(path: Path) -> str:
    """The code of a notebook, without the cell that installs."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    wanted = [
        cell for cell in cells if cell["cell_type"] == "code" and "install" not in cell["metadata"].get("tags", ())
    ]
    return "\n\n".join("".join(cell["source"]) for cell in wanted)


def _data(rows: list[dict[str, Any]], beside: bool) -> list[dict[str, Any]]:
    if beside:
        return [_code(UPLOAD, "data")]
    listed = "".join(f"    {row!r},\n" for row in rows)
    body = f'import json\n\ntrain_rows = [\n{listed}]\nwith open("train.jsonl", "w", encoding="utf-8") as stream:\n    for row in train_rows:\n        stream.write(json.dumps(row, ensure_ascii=False) + "\\n")'
    return [_words(Text("The rows: put your own in their place", "数据：可换成你自己的")), _code(body, "data")]


def _words(said: Text) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": _split(f"{said.en}\n\n{said.zh}")}


def _code(source: str, tag: str = "") -> dict[str, Any]:
    metadata = {"tags": [tag]} if tag else {}
    return {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": [], "source": _split(source)}


def _split(source: str) -> list[str]:
    return source.splitlines(keepends=True)


def _notebook(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """The format's version 4.5, where every cell has an id."""
    named = [{"id": f"cell-{number}", **cell} for number, cell in enumerate(cells)]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "accelerator": "GPU"}
    return {"cells": named, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
