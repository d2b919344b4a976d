"""Files that are no tables, recognised by their first bytes, each with what to do instead."""

from __future__ import annotations

from workbench.core.text import Text
from workbench.data.table import READERS, Source

_UNPACK = Text("Unpack it and choose a file inside.", "请先解压，再选择其中的文件。")
_SAVE_AS = Text("Save the table as CSV (UTF-8) and choose that file.", "请将表格另存为 CSV（UTF-8）后再选择。")
_AGAIN = Text("Download the file itself again.", "请重新下载文件本身。")

BYTES: tuple[tuple[bytes, Text, Text], ...] = (
    (b"BZh", Text("a bzip2 archive", "bzip2 压缩包"), _UNPACK),
    (b"\xfd7zXZ\x00", Text("an xz archive", "xz 压缩包"), _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", Text("a 7z archive", "7z 压缩包"), _UNPACK),
    (b"Rar!\x1a\x07", Text("a RAR archive", "RAR 压缩包"), _UNPACK),
    (b"\x28\xb5\x2f\xfd", Text("a zstd archive", "zstd 压缩包"), _UNPACK),
    (b"\xd0\xcf\x11\xe0", Text("an old Excel or Word document", "旧版 Excel 或 Word 文档"), _SAVE_AS),
    (b"\x89PNG", Text("a picture", "图片"), _SAVE_AS),
    (b"\xff\xd8\xff", Text("a picture", "图片"), _SAVE_AS),
    (b"SQLite format 3", Text("a SQLite database", "SQLite 数据库"), _SAVE_AS),
)
WORDS: tuple[tuple[str, Text, Text], ...] = (
    (
        "version https://git-lfs.github.com/",
        Text("a Git LFS pointer, not the data", "Git LFS 指针，而不是数据本身"),
        Text("Run “git lfs pull”, or download the file itself.", "请运行“git lfs pull”，或下载文件本身。"),
    ),
    ("<!doctype html", Text("a web page, perhaps an error page", "网页，可能是错误页"), _AGAIN),
    ("<html", Text("a web page, perhaps an error page", "网页，可能是错误页"), _AGAIN),
    ("<?xml", Text("an XML document", "XML 文档"), _SAVE_AS),
)


def refuse_bytes(source: Source) -> None:
    """UserError when the first bytes are those of an archive, a workbook or a document."""
    for magic, what, advice in BYTES:
        if source.data.startswith(magic):
            _refuse(source, what, advice)


def refuse_words(source: Source) -> None:
    """UserError when the text is a web page or a pointer to data that is elsewhere."""
    if source.suffix in (".html", ".htm"):
        return
    start = source.text[:300].lstrip().lower()
    for words, what, advice in WORDS:
        if start.startswith(words):
            _refuse(source, what, advice)


def _refuse(source: Source, what: Text, advice: Text) -> None:
    known = [reader.label for reader in READERS.all()]
    space = " " if what.zh[0].isascii() else ""
    raise source.error(
        f"this is {what.en}; expected one of: {', '.join(label.en for label in known)}. {advice.en}",
        f"这是{space}{what.zh}；应为以下格式之一：{'、'.join(label.zh for label in known)}。{advice.zh}",
    )
