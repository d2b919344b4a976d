"""Files that a browser hands over: those it has uploaded here, and nothing else.

Gradio lets any value of any input name a file: it copies that file into its cache, from where it can be fetched. It checks that the file
was uploaded only in an app that `launch()` has started; in one that is mounted, as ours is, every file of this machine could be read
(gradio 6.31, `processing_utils._check_allowed`). An address in place of a file is fetched by the server, checked or not.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from typing import Any, NoReturn

import gradio as gr
from gradio import processing_utils


def only_uploads(blocks: gr.Blocks) -> None:
    """Have Gradio check the files of a mounted app, and fetch no address for anybody."""
    blocks.has_launched = True
    processing_utils.async_ssrf_protected_download = _never
    processing_utils.save_url_to_cache = _never_now


def to_take(paths: Iterable[str]) -> list[str]:
    """Copies that may be downloaded: files of the workspace are handed to nobody, and Gradio hands out those in temporary folders only."""
    place = tempfile.mkdtemp(prefix="taken-")
    return [str(shutil.copy(path, place)) for path in paths]


async def _never(url: str, cache_dir: str) -> NoReturn:
    _never_now(url, cache_dir)


def _never_now(*_: Any, **__: Any) -> NoReturn:
    raise gr.Error(
        "Upload the file itself; an address is not fetched. 请上传文件本身；不会访问网址。", print_exception=False
    )
