"""Archives: one file inside is unpacked in memory, within limits, so that a small archive cannot fill the machine."""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from workbench.data.table import Source

LIMIT = 1 << 30
"""Bytes after unpacking."""


def unpacked(source: Source) -> Source:
    """The one file in a .gz or .zip; the source itself when it is neither, or an office document."""
    if source.data.startswith(b"\x1f\x8b"):
        return _no_tar(source, _gzip(source))
    _no_tar(source, source)
    office = any(mark in source.data for mark in (b"xl/workbook.xml", b"word/document.xml"))
    return _zip(source) if source.data.startswith(b"PK\x03\x04") and not office else source


def _no_tar(outer: Source, inner: Source) -> Source:
    if inner.data[257:262] == b"ustar":
        raise outer.error(
            "this is a tar archive; unpack it and choose a file inside.",
            "这是 tar 压缩包；请先解压，再选择其中的文件。",
        )
    return inner


def check_size(source: Source, archive: zipfile.ZipFile) -> None:
    """UserError when what is inside is larger than the limit."""
    if sum(item.file_size for item in archive.infolist()) > LIMIT:
        raise source.error(
            "unpacked it is larger than 1 GB; unpack it and split the file.", "解压后超过 1 GB；请解压并拆分文件。"
        )


def _gzip(source: Source) -> Source:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(source.data)) as file:
            data = file.read(LIMIT + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise source.error(
            "the gzip archive is damaged or cut; download it again.", "gzip 压缩包损坏或不完整；请重新下载。"
        ) from error
    if len(data) > LIMIT:
        raise source.error(
            "unpacked it is larger than 1 GB; unpack it and split the file.", "解压后超过 1 GB；请解压并拆分文件。"
        )
    return Source(source.path.with_suffix("") if source.suffix == ".gz" else source.path, data)


def _zip(source: Source) -> Source:
    try:
        with zipfile.ZipFile(io.BytesIO(source.data)) as archive:
            names = [item.filename for item in archive.infolist() if not item.is_dir() and not _hidden(item.filename)]
            if len(names) != 1:
                listed = ", ".join(names[:8]) or "–"
                raise source.error(
                    f"there are {len(names)} files in it ({listed}); unpack it and choose one.",
                    f"其中有 {len(names)} 个文件（{listed}）；请解压后选择一个。",
                )
            _check_entry(source, archive.getinfo(names[0]))
            check_size(source, archive)
            data = archive.open(names[0]).read(LIMIT + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError) as error:
        raise source.error(
            "the zip archive is damaged, or locked with a password; unpack it yourself.",
            "zip 压缩包损坏或有密码；请自行解压。",
        ) from error
    return Source(Path(names[0]), data[: LIMIT + 1])


def _check_entry(source: Source, entry: zipfile.ZipInfo) -> None:
    """UserError for an entry that is no plain file inside the archive."""
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise source.error(
            f"{entry.filename} in it is a link, not a file; pack the file itself.",
            f"其中的 {entry.filename} 是链接而不是文件；请打包文件本身。",
        )
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise source.error(
            f"the name {entry.filename} in it points outside the archive; this archive is not to be trusted.",
            f"其中的文件名 {entry.filename} 指向压缩包之外；此压缩包不可信。",
        )


def _hidden(name: str) -> bool:
    return name.startswith("__MACOSX") or Path(name).name.startswith(".")
