"""Cleaning: what each step does to known rows, that nothing is changed in place, and that steps replay."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.data import clean, library, nearby
from workbench.data.step import CLEANING, View, replay
from workbench.data.table import Table

VIEW = View(["text", "label", "split"], {"text": "text", "label": "label", "split": "split"})
SETTINGS: dict[str, dict[str, Any]] = {
    "word_list": {"words": "fine; 好看"},
    "rename_labels": {"names": "good = positive"},
    "regex_replace": {"pattern": "o+", "replacement": "0"},
    "template": {"template": "{label}: {text}", "into": "text"},
    "expression": {"expression": "length(text) < 15"},
    "split_column": {"column": "text", "separator": " ", "into": "first, rest"},
}
"""Steps that do nothing without a setting."""


def rows(*texts: str, label: str = "good", split: str = "train") -> list[dict[str, Any]]:
    return [{"text": text, "label": label, "split": split} for text in texts]


def after(kind: str, given: list[dict[str, Any]], **settings: Any) -> list[dict[str, Any]]:
    return replay(given, VIEW, [{"kind": kind, **settings}])[0]


def text_after(kind: str, text: str, **settings: Any) -> str:
    return str(after(kind, rows(text), **settings)[0]["text"])


def table() -> list[dict[str, Any]]:
    """Something for every step."""
    made = rows("A film  that is good", "A film that is good!", "電影很好看，mail a@b.cc", "<p>Good &amp; fine</p>", "")
    for number in range(8):
        made += [*rows(f"fine sun number {number}"), *rows(f"awful mud number {number}", label="bad")]
    made += [*rows("awful mud number 9"), *rows("A film that is good", label="Good"), *rows("nope", label="bad")]
    return [*made, *rows("A film that is good", split="test")]


@pytest.mark.parametrize("kind", CLEANING.kinds())
def test_every_step_leaves_its_input_alone_and_replays_to_the_same(kind: str) -> None:
    given = table()
    whole = json.dumps(given)
    first, (effect,) = replay(given, VIEW, [{"kind": kind, **SETTINGS.get(kind, {})}])
    assert json.dumps(given) == whole
    again, _ = replay(given, VIEW, [json.loads(json.dumps(effect.facts()))])
    assert again == first
    assert effect.changed + effect.dropped + effect.added > 0 or kind == "unicode_repair"
    assert effect.after == len(first) == effect.before - effect.dropped + effect.added


TALK = {"messages": [{"role": "user", "content": "Hi  there"}, {"role": "assistant", "content": "Good  day"}]}
TALKS = View(["messages"], {"messages": "messages"})
NEED_A_COLUMN = {"template", "expression", "split_column"}
NEED_A_ROLE = {"label_errors", "rename_labels", "merge_variants", "conflicting_labels", "balance", "leakage"}


@pytest.mark.parametrize("kind", sorted(set(CLEANING.kinds()) - NEED_A_ROLE - NEED_A_COLUMN))
def test_every_step_works_on_conversations(kind: str) -> None:
    settings = {**SETTINGS.get(kind, {}), **({"keep": "latin"} if kind == "language_filter" else {})}
    (made,), _ = replay([TALK], TALKS, [{"kind": kind, **settings}])
    said = [turn["content"] for turn in made["messages"]]
    assert [turn["role"] for turn in made["messages"]] == ["user", "assistant"]
    assert said == {"whitespace": ["Hi there", "Good day"], "regex_replace": ["Hi  there", "G0d  day"]}.get(
        kind, ["Hi  there", "Good  day"]
    )


@pytest.mark.parametrize("kind", sorted(NEED_A_ROLE))
def test_a_step_that_needs_a_role_says_which(kind: str) -> None:
    with pytest.raises(UserError, match=r"the role (label|split)"):
        replay([TALK], TALKS, [{"kind": kind, **SETTINGS.get(kind, {})}])


@pytest.mark.parametrize(
    ("kind", "settings", "before", "wanted"),
    [
        ("whitespace", {}, " a\u3000 b\u200b \r\n\n\n\n c ", "a b\n\nc"),
        ("whitespace", {"join_lines": True, "between_han": True}, "我 爱\n北京 and you", "我爱北京 and you"),
        ("whitespace", {}, "👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("unicode_repair", {}, "cafÃ© dâ€™or", "café d’or"),
        ("unicode_repair", {}, "他说：“你好！”（测试）１２３", "他说：“你好！”（测试）１２３"),
        ("strip_markup", {}, "<p>a &lt; b</p><script>x()</script><p>c</p>", "a < b\nc"),
        ("strip_markup", {}, "1 < 2 and 3 > 2 & so on", "1 < 2 and 3 > 2 & so on"),
        ("strip_markup", {"markdown": True}, "# T\n**b** [l](http://x) `c`", "T\nb l c"),
        ("convert_chinese", {}, "電影很好看 ok", "电影很好看 ok"),
        ("convert_chinese", {"to": "s2t"}, "电影", "電影"),
        ("mask_private", {}, "write to anna.b@example.com or 13800138000", "write to <EMAIL> or <PHONE>"),
        ("mask_private", {}, "证件 11010519491231002X 和 110105194912310021", "证件 <ID> 和 110105194912310021"),
        ("mask_private", {}, "card 4111 1111 1111 1111, order 4111111111111112", "card <CARD>, order 4111111111111112"),
        ("mask_private", {"mask": "[{kind}]"}, "at 192.168.1.7 not 999.1.1.1", "at [IP] not 999.1.1.1"),
        ("mask_private", {}, "key sk-abcdefghijklmnop1234", "key <SECRET>"),
        ("regex_replace", {"pattern": r"\[(\d+)\]", "replacement": r"(\1)"}, "see [12]", "see (12)"),
        ("template", {"template": "{label} – {text} ${x.__class__}", "into": "text"}, "hi", None),
        ("template", {"template": "{label} – {text}", "into": "text"}, "hi", "good – hi"),
    ],
)  # fmt: skip
def test_known_texts(kind: str, settings: dict[str, Any], before: str, wanted: str | None) -> None:
    if kind == "template" and wanted is None:
        with pytest.raises(UserError, match="no column"):
            text_after(kind, before, **settings)
    else:
        assert text_after(kind, before, **settings) == wanted


def test_text_that_was_read_as_gbk_comes_back() -> None:
    for text in ("你好", "这部电影很好看呢", "我们明天去北京吧"):
        damaged = text.encode().decode("gb18030", "ignore")
        if damaged.encode("gb18030", "ignore") == text.encode():
            assert text_after("unicode_repair", damaged) == text
    for whole in ("锟斤拷", "联通", "龍頭企業獲獎", "鐢靛奖院里的人", "café 你好"):
        assert text_after("unicode_repair", whole) == whole


def test_of_equal_rows_the_first_stays() -> None:
    made = after("exact_duplicates", [*rows("Good film.", "good  FILM", "other", "", ""), *rows("!!!", "???")])
    assert [row["text"] for row in made] == ["Good film.", "other", "", "", "!!!", "???"]


def test_labels_are_renamed_merged_and_made_even() -> None:
    given = [*rows("a", label="C++"), *rows("b", "c", label="積極"), *rows("d", label="积极"), *rows("e", label="C#")]
    assert {row["label"] for row in after("merge_variants", given)} == {"C++", "積極", "C#"}
    assert [row["label"] for row in after("rename_labels", given, names="C++ = cpp; C#＝cs")] == [
        "cpp",
        "積極",
        "積極",
        "积极",
        "cs",
    ]
    many = [*rows(*"abcdef", label="x"), *rows(*"gh", label="y"), *rows("held", label="y", split="test")]
    down, up = after("balance", many), after("balance", many, how="up")
    assert sorted(row["label"] for row in down if row["split"] == "train") == ["x", "x", "y", "y"]
    assert [row["label"] for row in up if row["split"] == "train"].count("y") == 6
    assert sum(row["split"] == "test" for row in up) == sum(row["split"] == "test" for row in down) == 1


def test_planted_label_errors_are_found_and_little_else() -> None:
    dice = random.Random(3)
    good, bad = (
        ["bright", "warm", "lovely", "calm", "kind", "fresh"],
        ["dull", "cold", "nasty", "loud", "rude", "stale"],
    )
    given = [rows(" ".join([*dice.choices(good if number % 2 else bad, k=6), str(number)]), label="good" if number % 2 else "bad")[0] for number in range(300)]  # fmt: skip
    planted = set(dice.sample(range(300), 12))
    noisy = [
        {**row, "label": {"good": "bad", "bad": "good"}[row["label"]]} if place in planted else row
        for place, row in enumerate(given)
    ]
    mended = after("label_errors", noisy, action="relabel")
    assert sum(row["label"] == true["label"] for row, true in zip(mended, given, strict=True)) >= 297
    kept = {row["text"] for row in after("label_errors", noisy)}
    assert sum(given[place]["text"] not in kept for place in planted) >= 9
    assert len(kept) >= 300 - len(planted) - 6


def test_listed_words_are_whole_words_in_letters_and_anywhere_in_chinese() -> None:
    given = rows("an ad here", "addition", "请关注公众号谢谢")
    assert [row["text"] for row in after("word_list", given, words="AD；关注公众号")] == ["addition"]
    masked = after("word_list", given, words="ad; 关注公众号", action="mask")
    assert [row["text"] for row in masked] == ["an *** here", "addition", "请***谢谢"]
    with pytest.raises(UserError, match="empty"):
        after("word_list", given)


def test_a_conflict_keeps_the_majority_or_none() -> None:
    three = [*rows("same", "Same!", label="a"), *rows("same", label="b")]
    assert [row["label"] for row in after("conflicting_labels", three)] == ["a", "a"]
    assert after("conflicting_labels", three[1:]) == []
    assert after("conflicting_labels", three, keep="none") == []


def test_held_out_rows_are_not_trained_on() -> None:
    said = "the quick brown fox jumps over the lazy dog today"
    given = [*rows(said, "another text altogether here"), *rows(said + "!", split="test")]
    assert [row["text"] for row in after("leakage", given)] == ["another text altogether here", said + "!"]
    with pytest.raises(UserError, match="split"):
        replay(given, View(["text"], {"text": "text"}), [{"kind": "leakage"}])


def test_lengths_and_languages_are_bounded() -> None:
    given = rows(
        "",
        "short",
        "a much longer text than the others",
        "这是一段中文文字 with words",
        "これは日本語の文章です",
        "12345",
    )
    assert [row["text"] for row in after("length_bounds", given, shortest=5, longest=10)] == ["short", "12345"]
    assert [row["text"] for row in after("language_filter", given, keep="zh")] == [
        "",
        "这是一段中文文字 with words",
        "12345",
    ]
    assert "short" in [row["text"] for row in after("language_filter", given, keep="latin")]


HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 900)]
WORDS = ["lamp", "sea", "stone", "rain", "boat", "sleep", "blue", "rope", "door", "light", "friend", "paper", "wind", "yellow", "bread", "market", "story", "river", "cloud", "green", "table", "window", "garden", "music", "water", "morning", "evening", "silver", "forest", "winter", "summer", "silent", "letter", "bridge", "candle", "pocket"]  # fmt: skip


@pytest.mark.parametrize("language", ["zh", "en"])
def test_planted_near_duplicates_are_found_in_both_languages(language: str) -> None:
    dice = random.Random(7)

    def text() -> str:
        return (
            "".join(dice.choices(HAN, k=90))
            if language == "zh"
            else " ".join(dice.choices(WORDS, k=30)) + str(dice.random())
        )

    def edited(said: str) -> str:
        parts = list(said) if language == "zh" else said.split(" ")
        for _ in range(3):
            parts[dice.randrange(len(parts))] = dice.choice(HAN) if language == "zh" else dice.choice(WORDS)
        return ("" if language == "zh" else " ").join(parts)

    base = [text() for _ in range(400)]
    twins = [edited(said) for said in base]
    alike = [nearby.jaccard(nearby.bare(a), nearby.bare(b)) >= 0.6 for a, b in zip(base, twins, strict=True)]
    assert sum(alike) > 200
    found = {place for group in nearby.groups([*base, *twins], 0.6) for place in group}
    recall = sum(place in found for place, near in enumerate(alike) if near) / sum(alike)
    assert recall >= 0.97
    kept = after("near_duplicates", rows(*base, *twins), threshold=0.6)
    assert len(kept) <= 800 - 0.97 * sum(alike)
    strangers = nearby.groups([text() for _ in range(400)], 0.6)
    assert strangers == []


def test_a_pattern_that_would_never_end_is_stopped() -> None:
    with pytest.raises(UserError, match="pattern"):
        after("regex_replace", rows("a" * 40 + "!"), pattern=r"(a|aa)+$", replacement="")
    with pytest.raises(UserError, match="pattern"):
        after("regex_replace", rows("a"), pattern="(", replacement="")


@pytest.mark.parametrize(
    "step",
    [{"kind": "nothing"}, {"kind": "near_duplicates", "threshold": 9}, {"kind": "whitespace", "colour": 1}, {"kind": "whitespace", "columns": "nowhere"},
     {"kind": "rename_labels", "names": "a b"}, {"kind": "template"}],
    ids=str,
)  # fmt: skip
def test_a_wrong_step_is_one_sentence(step: dict[str, Any]) -> None:
    with pytest.raises(UserError) as caught:
        replay(rows("a"), VIEW, [step])
    assert caught.value.text.zh


@pytest.fixture
def saved(workspace: Workspace) -> Any:
    given = table()
    return library.save(workspace, "films", Table(["text", "label", "split"], given), dict(VIEW.roles))


def test_a_cleaned_version_says_how_it_was_made_and_the_old_one_stays(workspace: Workspace, saved: Any) -> None:
    made = clean.keep(workspace, clean.try_out(saved, [{"kind": "whitespace"}, {"kind": "exact_duplicates"}]))
    assert (made.name, made.version) == ("films", 2)
    assert [step["kind"] for step in made.meta["steps"]] == ["whitespace", "exact_duplicates"]
    assert made.meta["steps"][1]["dropped"] > 0
    assert made.meta["parent"] == {"name": "films", "version": 1, "sha256": saved.meta["sha256"]}
    assert library.find(workspace, "films", 1).rows() == saved.rows()
    again = clean.keep(workspace, clean.try_out(saved, clean.steps_of(made)), "films-again")
    assert again.meta["sha256"] == made.meta["sha256"]
    back = clean.go_back(workspace, "films", 1)
    assert (back.version, back.meta["sha256"]) == (3, saved.meta["sha256"])
    assert len(library.versions(workspace, "films")) == 3


def test_a_sample_is_cleaned_into_a_dataset_of_its_own(workspace: Workspace) -> None:
    made = clean.keep(workspace, clean.try_out(library.find(workspace, "sentiment-en"), [{"kind": "exact_duplicates"}]))
    assert made.name == "sentiment-en-clean"
    assert made.meta["roles"]["split"] == "split"


def test_nothing_is_saved_when_no_row_is_left(workspace: Workspace, saved: Any) -> None:
    with pytest.raises(UserError, match="no row is left"):
        clean.keep(workspace, clean.try_out(saved, [{"kind": "length_bounds", "shortest": 10_000}]))
    assert len(library.versions(workspace, "films")) == 1


def test_a_dry_run_goes_on_after_a_step_that_cannot_be_done(saved: Any) -> None:
    told = clean.dry_run(
        saved, [{"kind": "whitespace"}, {"kind": "whitespace", "columns": "gone"}, {"kind": "exact_duplicates"}]
    )
    assert [step["ok"] for step in told] == [True, False, True]
    assert "gone" in told[1]["en"]
    assert told[2]["dropped"] > 0


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"step": "whitespace"}]', "not json"])
def test_a_file_that_is_no_list_of_steps_is_one_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "steps.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match="steps"):
        clean.read_steps(path)


FORMULAS: list[tuple[str, Any]] = [
    ("length(text)", 4),
    ('upper(text) + "!"', "GOOD!"),
    ('"o" in text and not empty(label)', True),
    ('matches(text, "^g.*d$")', True),
    ("number(size) * 2 if size else 0", 14.0),
    ('col["text"]', "good"),
    ('replace(text, "o", "0")', "g00d"),
    ("min(length(text), 3)", 3),
]


@pytest.mark.parametrize(("formula", "value"), FORMULAS)
def test_a_formula_writes_its_value_or_keeps_rows(formula: str, value: Any) -> None:
    view = View(["text", "label", "size"], {"text": "text", "label": "label"})
    given = [{"text": "good", "label": "yes", "size": 7}]
    ((made,), (effect,)) = replay(given, view, [{"kind": "expression", "expression": formula, "into": "made"}])
    assert made["made"] == value
    assert effect.changed == 1
    (kept, _) = replay(given, view, [{"kind": "expression", "expression": f"({formula}) == ({value!r})"}])
    assert kept == given


HOSTILE = [
    "__import__('os').system('id')",
    "text.__class__",
    "text.upper()",
    "().__class__.__bases__[0].__subclasses__()",
    "open('/etc/passwd')",
    "eval('1')",
    "f'{text}'",
    "'{0.__class__}'.format(text)",
    "[x for x in [1] * 10000000]",
    "9 ** 9 ** 9",
    "'x' * 1000000000",
    "(lambda: 1)()",
    "text := 1",
    "matches('a' * 5000, '(a|aa)+$b')",
    "1 / 0",
    "unknown + 1",
    "length(",
    "import os",
    "x" * 3000,
    "",
]


@pytest.mark.parametrize("formula", HOSTILE)
def test_a_formula_can_do_nothing_else(formula: str) -> None:
    with pytest.raises(UserError, match="expression"):
        replay(rows("good"), VIEW, [{"kind": "expression", "expression": formula}])


def test_columns_are_split_and_combined_into_new_ones() -> None:
    given = [
        {"text": "a title | a body | more", "label": "x", "split": "train"},
        {"text": "alone", "label": "y", "split": "train"},
    ]
    steps = [
        {"kind": "split_column", "column": "text", "separator": "|", "into": "title, body"},
        {"kind": "template", "template": "{body} ({title})", "into": "both"},
    ]
    made, _ = replay(given, VIEW, steps)
    assert (made[0]["title"], made[0]["body"], made[0]["both"]) == (
        "a title",
        "a body | more",
        "a body | more (a title)",
    )
    assert (made[1]["title"], made[1]["body"]) == ("alone", None)
    with pytest.raises(UserError, match="no column"):
        replay(given, VIEW, steps[1:])
    with pytest.raises(UserError, match="into"):
        replay(given, VIEW, [{**steps[0], "into": "one"}])
