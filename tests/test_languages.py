"""Both languages from the first label: nothing on screen exists in one only, and one idea has one word."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml
from places import ROOT

from workbench.core.knob import knobs
from workbench.core.lab import LABS
from workbench.core.method import METHODS
from workbench.core.metric import METRICS
from workbench.core.preset import all_presets
from workbench.core.recipe import Recipe
from workbench.core.run import STATUS
from workbench.core.task import TASKS
from workbench.core.text import Text
from workbench.data.step import CLEANING
from workbench.engine.taking import EXPORTS
from workbench.ui.words import catalogue

HAN = re.compile(r"[\u4e00-\u9fff]")
GLOSSARY = yaml.safe_load((ROOT / "assets" / "locales" / "glossary.yaml").read_text(encoding="utf-8"))
NAMES_ONLY = re.compile(r"^[A-Za-z0-9_\s.,/:%+·–（）()=÷×-]*$")  # AdamW, fp32, {rows} …: the same in every language


def every_text() -> dict[str, Text]:
    """All words a person can see that are declared as data: the page's, every knob's, task's, method's, metric's."""
    found = dict(catalogue())
    sections = [field.annotation for field in Recipe.model_fields.values()]
    sections += [
        entry.section for entry in [*TASKS.all(), *METHODS.all(), *CLEANING.all(), *EXPORTS.all(), *LABS.all()]
    ]
    for section in [item for item in sections if hasattr(item, "model_fields")]:
        for name, (_, made) in knobs(section).items():
            at = f"{section.__module__}.{section.__name__}"
            found |= {f"{at}.{name}": made.label, f"{at}.{name}.help": made.help}
            found |= {f"{at}.{name}={value}": text for value, text in made.choices}
    for lab in LABS.all():
        texts = [
            *lab.idea,
            lab.guess.ask,
            *(text for choice in lab.guess.choices for text in (choice.text, choice.why)),
        ]
        found |= {f"{lab.kind}.{place}": text for place, text in enumerate([lab.label, *texts])}
    for entry in [*TASKS.all(), *METHODS.all(), *METRICS.all(), *all_presets(), *CLEANING.all(), *EXPORTS.all()]:
        found |= {f"{entry.kind}": entry.label, f"{entry.kind}.help": entry.help}
    for task in TASKS.all():
        for role in task.roles:
            found |= {f"{task.kind}.{role.name}": role.label, f"{task.kind}.{role.name}.help": role.help}
    return found | {f"status {name}": text for name, text in STATUS.items()}


TEXTS = every_text()


@pytest.mark.parametrize("key", TEXTS)
def test_both_languages_are_there(key: str) -> None:
    text = TEXTS[key]
    assert text.en.strip()
    assert text.zh.strip()
    assert not HAN.search(text.en), f"{key}: Chinese in the English text"
    assert HAN.search(text.zh) or NAMES_ONLY.match(text.zh), f"{key}: not Chinese: {text.zh}"
    assert set(re.findall(r"{(\w+)", text.en)) == set(re.findall(r"{(\w+)", text.zh)), f"{key}: placeholders differ"


@pytest.mark.parametrize("key", TEXTS)
def test_one_word_per_idea(key: str) -> None:
    for term, entry in GLOSSARY.items():
        for word in entry.get("avoid", []):
            assert word not in TEXTS[key].zh, f"{key}: say {entry['zh']} for {term}, not {word}"
    assert "您" not in TEXTS[key].zh
    assert not re.search(r"[\u4e00-\u9fff][,;?!](?![\w/])", TEXTS[key].zh), f"{key}: full-width punctuation in Chinese"


@pytest.mark.parametrize("term", sorted(set(GLOSSARY) & {text.en.lower() for text in TEXTS.values()}))
def test_a_label_that_is_a_term_uses_its_word(term: str) -> None:
    for key, text in TEXTS.items():
        if text.en.lower() == term:
            assert GLOSSARY[term]["zh"] in text.zh or text.zh in GLOSSARY[term]["zh"], f"{key}: {text.zh}"


@pytest.mark.parametrize("term", GLOSSARY)
def test_every_term_is_explained(term: str) -> None:
    what = GLOSSARY[term]["what"]
    assert what["en"].endswith(".")
    assert what["zh"].endswith("。")
    assert HAN.search(what["zh"])


def calls_of_words(path: Path) -> set[str]:
    keys = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("words") and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                keys.add(first.value)
    return keys


def test_every_key_the_page_asks_for_exists() -> None:
    used = set().union(*(calls_of_words(path) for path in (ROOT / "workbench" / "ui").rglob("*.py")))
    assert used <= set(catalogue()), used - set(catalogue())


def test_every_user_error_in_the_source_has_chinese() -> None:
    for path in (ROOT / "workbench").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "UserError" and len(node.args) >= 2:
                words = "".join(
                    part.value
                    for part in ast.walk(node.args[1])
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                )
                plain = isinstance(node.args[1], (ast.Constant, ast.JoinedStr))
                assert not plain or HAN.search(words) or re.search(r"zh\b", ast.unparse(node.args[1])), (
                    f"{path.name}:{node.lineno}"
                )
