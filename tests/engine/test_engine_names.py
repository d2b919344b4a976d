"""A name is a person's own words: whatever is in it, what is exported says it and never does it."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import exporting
import pytest
import yaml

from workbench.core.errors import UserError
from workbench.core.recipe import Recipe, parse, read
from workbench.core.run import Run, create
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.engine import twin
from workbench.engine.card import card
from workbench.engine.export import notebook
from workbench.engine.taking import EXPORTS

HOSTILE = [
    'tutor"""; import os; os.system("id") #',
    'ends with "',
    "ends with \\",
    '\\"""; pwned = 1 #',
    "x\\N{DIGIT ONE} \\u12 \\x4",
    "{0} {name} %s %(name)s {{",
    "'''`</script><img src=x onerror=alert(1)>`'''",
    "[a](javascript:alert(1)) $\\href{x}{y}$",
    "名称“引号”…… 👩‍🔬 　",
]
UNWRITTEN = ["a\nb", "a\r", "a\tb", "nul\x00", "sep\u2028x", "par\u2029x", "next\x85x", "turned\u202e", "bell\x07"]
SPLIT = 'tutor"""\nimport os; os.system("id")\n"""\u2028\x85'


def recipe_of(name: str) -> Recipe:
    return parse({"name": name, "task": {"kind": "chat", "max_length": 64}, "model": {"id": "lumo"}, "method": "lora"})


def run_of(name: str, folder: Path) -> Run:
    """A run of that name, past the recipe's own check."""
    run = create(Workspace(folder), recipe_of(""))
    run.__dict__["recipe"] = run.recipe.model_copy(update={"name": name})
    return run


def head_of(run: Run) -> ast.Module:
    piece = twin.Piece(Text("Settings", "设置"), "import os\n\nMODEL = 1")
    return ast.parse(twin.script([piece], twin.about(exporting.source(run))))


@pytest.mark.parametrize("name", [*HOSTILE, SPLIT], ids=ascii)
def test_a_name_in_a_script_is_words_and_no_statement(name: str, tmp_path: Path) -> None:
    tree = head_of(run_of(name, tmp_path))
    assert [type(each) for each in tree.body] == [ast.Expr, ast.Import, ast.Assign]
    if name != SPLIT:
        assert name.replace("　", "·").replace("\u200d", "·") in (ast.get_docstring(tree) or "")


@pytest.mark.parametrize("name", UNWRITTEN, ids=ascii)
def test_a_name_of_several_lines_is_refused_where_it_is_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"one line of visible characters.*U\+") as refused:
        recipe_of(name)
    assert refused.value.field == "name"
    assert "配方名称" in refused.value.text.zh
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**recipe_of("").dump(), "name": name}))
    with pytest.raises(UserError, match="visible"):
        read(path)


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_name_of_one_line_is_kept_as_it_is(name: str) -> None:
    assert recipe_of(name).name == name


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_card_says_a_name_and_makes_no_tag_of_it(name: str, tmp_path: Path) -> None:
    lines = card(run_of(name, tmp_path), None).splitlines()
    (title,) = [line for line in lines if line.startswith("# ")]
    assert "<img" not in title.replace("\\<", "")
    assert "[a](" not in title
    assert yaml.safe_load("\n".join(lines[1 : lines.index("---", 1)]))["base_model"] == "lumo"
    assert lines[-1] == lines[next(at for at, line in enumerate(lines) if line.endswith("yaml"))].removesuffix("yaml")


def test_words_in_a_knob_do_not_end_the_block_of_the_recipe(tmp_path: Path) -> None:
    run = run_of("x " * 30 + "``` \u3000# not a heading", tmp_path)
    assert card(run, None).rstrip().endswith("\n````")


def written(kind: str, name: str, folder: Path) -> tuple[Path, list[str]]:
    """An export of a run of that name, and its statements; words that stand alone are none."""
    run = exporting.tuned("chat", "lora", "llama", folder)
    run.__dict__["recipe"] = run.recipe.model_copy(update={"name": name})
    EXPORTS.get(kind).write(exporting.source(run), None, folder)
    code = (folder / "train.py").read_text() if kind == "script" else notebook.cells_of(folder / "train.ipynb")
    return folder, [ast.dump(each) for each in ast.parse(code).body if not isinstance(each, ast.Expr)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["script", "notebook"])
def test_a_hostile_name_adds_nothing_to_script_and_notebook(kind: str, tmp_path: Path) -> None:
    made = [written(kind, name, tmp_path / str(at)) for at, name in enumerate(("tutor", HOSTILE[0], HOSTILE[6], SPLIT))]
    assert all(body == made[0][1] for _, body in made)
    if kind == "notebook":
        first = json.loads((made[2][0] / "train.ipynb").read_text())["cells"][0]["source"][0]
        assert "\\<img" in first
