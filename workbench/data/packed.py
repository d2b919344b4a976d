"""Archives: one file inside is unpacked in memory, within limits, so that a small archive cannot fill the machine."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path

from workbench.data.table import Source

LIMIT = 1 << 30
"""Bytes after unpacking."""


def unpacked(source: Source) -> Source:
    """The one file in a .gz or .zip; the source itself when it is neither, or an office document."""
    if source.data.startswith(b"\x1f\x8b"):
        return _gzip(source)
    office = any(mark in source.data for mark in (b"xl/workbook.xml", b"word/document.xml"))
    return _zip(source) if source.data.startswith(b"PK\x03\x04") and not office else source


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
            check_size(source, archive)
            data = archive.open(names[0]).read(LIMIT + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError) as error:
        raise source.error(
            "the zip archive is damaged, or locked with a password; unpack it yourself.",
            "zip 压缩包损坏或有密码；请自行解压。",
        ) from error
    return Source(Path(names[0]), data[: LIMIT + 1])


def _hidden(name: str) -> bool:
    return name.startswith("__MACOSX") or Path(name).name.startswith(".")
