"""Nothing half-written, nothing outside the workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.core.errors import UserError
from workbench.core.files import atomic, inside, safe_name, write_text

HOSTILE = [
    "../x", "..\\x", "/etc/passwd", "~root", "a/b", "a\\b", "C:x", "", " ", ".", "..", ".env", "CON", "nul.txt", "x" * 300,
    "a\x00b", "a\nb", "name.", "name ", "a:b", "．．／", "\u202etxt", "reviews\n", "-rf", "COM¹", "𠀀" * 64,
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused(name: str) -> None:
    with pytest.raises(UserError):
        safe_name(name)


@pytest.mark.parametrize("name", ["reviews", "我的数据", "a-b_c.d 2"])
def test_ordinary_names_are_kept(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize("parts", [("../x",), ("/etc/passwd",), ("a", "../../x"), ("a\x00b",)])
def test_paths_stay_inside(tmp_path: Path, parts: tuple[str, ...]) -> None:
    with pytest.raises(UserError):
        inside(tmp_path / "root", *parts)


def test_a_sibling_with_the_same_beginning_is_outside(tmp_path: Path) -> None:
    (tmp_path / "runs_evil").mkdir()
    with pytest.raises(UserError):
        inside(tmp_path / "runs", "../runs_evil")


def test_a_link_that_leads_out_is_outside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(UserError):
        inside(root, "link", "x")


def test_a_link_that_leads_to_itself_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "out").symlink_to("/")
    with pytest.raises(UserError):
        inside(tmp_path, "loop", "../out")


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError), atomic(path) as stream:
        stream.write("half \ud800")
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]
