"""The one guard for paths and the one for names, fuzzed: whatever is thrown at them, they refuse, or what they give is harmless.

Texts are put together from pieces that have broken guards elsewhere, by a seeded generator: the same number names the same texts for ever.
"""

from __future__ import annotations

import os
import random
import unicodedata
from pathlib import Path

import pytest
from faults import note
from hostile.corpus import PATHS

from workbench.core.errors import UserError
from workbench.core.files import RESERVED, inside, safe_name

PIECES = (
    "..", ".", "/", "\\", "//", "...", "a", "A", "é", "e\u0301", "ﬁ", "Å", "K", "ſ", "ß", "i̇", "İ", "link", "LINK", "loop", "up", "deep", "x" * 90, "名" * 40,
    "\u202e", "\u200b", "\u2215", "\uff0f", "\uff0e", "\u2024", "\ufe52", "\x00", "\n", "\r", "\t", " ", "~", "$HOME", "%2e", "CON", "con", "nul.txt", "COM¹", "lpt1", "aux ",
    ":", "*", "?", "|", "<", ">", '"', "'", "`", ";", "-", "--x", "C:", "\ud800", "😀", "\U000e0001", ".git", "id_rsa", "root", "root_evil", "../root_evil", "proc", "self", "environ",
    *PATHS.values(),
)  # fmt: skip


def made(dice: random.Random) -> str:
    """A text of a few pieces, sometimes with any character at all."""
    pieces = [dice.choice(PIECES) for _ in range(dice.randint(1, 5))]
    if dice.random() < 0.3:
        pieces.append(chr(dice.randrange(0x110000)))
    return dice.choice(("", "", "/")).join(pieces)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with links of every kind in it, and neighbours that look like it."""
    base = tmp_path / "root"
    (base / "a").mkdir(parents=True)
    for name in ("root_evil", "Root", "outside"):
        (tmp_path / name).mkdir(exist_ok=True)
    links = {"link": tmp_path / "outside", "up": tmp_path, "loop": base / "loop", "deep": base / "a", "LINK": "/", "a/link": "../../outside"}  # fmt: skip
    for name, target in links.items():
        (base / name).symlink_to(target)
    return base


def guarded(root: Path, parts: list[str], out: list[list[str]]) -> bool:
    """Whether it was let in; it goes onto `out` where it then lies outside, by the system's own reckoning."""
    try:
        found = inside(root, *parts)
    except UserError:
        return False
    real = os.path.realpath(found)
    if real != str(root) and not real.startswith(f"{root}{os.sep}"):
        out.append(parts)
    return True


def named(text: str) -> bool:
    """Whether it may name something; then it is one component that every system takes, and stays the same in either form."""
    try:
        name = safe_name(text)
    except UserError:
        return False
    forms = {unicodedata.normalize(form, name) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert unicodedata.normalize("NFC", name) == name, ascii(text)
    assert len(f".{name}.xxxxxxxx.part".encode()) <= 255, ascii(text)
    for form in forms:
        whole = not set(form) & set('/\\:*?"<>|\0') and form not in ("", ".", "..") and not RESERVED.fullmatch(form)
        seen = form.isprintable() and form == form.strip() and not form.startswith((".", "-"))
        assert (whole, seen) == (True, True), ascii(text)
    return True


def fuzzed(root: Path, count: int, seed: int) -> None:
    dice = random.Random(seed)
    kept, out = [0, 0], list[list[str]]()
    for number in range(count):
        if number % 2:
            kept[1] += named(made(dice))
        else:
            kept[0] += guarded(root, [made(dice) for _ in range(dice.randint(1, 3))], out)
    assert min(kept) > 0  # a guard that refuses everything shows nothing
    note("S2", f"texts thrown at the guards{' (long set)' if count > 100_000 else ''}", count)
    note("S2", "of them let out", len(out), most=0)
    assert out == []


def test_nothing_gets_past_the_guards(root: Path) -> None:
    fuzzed(root, 6_000, 1)


@pytest.mark.long
def test_a_million_texts_do_not_get_past_the_guards(root: Path) -> None:
    fuzzed(root, 1_000_000, 2)


def test_every_value_of_the_corpus_meets_the_guards(root: Path) -> None:
    out = list[list[str]]()
    for value in PATHS.values():
        guarded(root, [value], out)
        named(value)
    assert out == []


@pytest.mark.parametrize("name", ["reviews", "我的数据", "a-b_c.d 2", "Ünïcode", "데이터", "データ"])
def test_ordinary_names_in_any_script_are_kept(name: str) -> None:
    assert named(unicodedata.normalize("NFC", name))
