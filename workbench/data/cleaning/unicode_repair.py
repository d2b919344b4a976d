"""Damaged text: UTF-8 that was read as Latin-1 or Windows-1252 (by ftfy), or as GBK (here). What is whole stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.core.text import Text
from workbench.data.step import CLEANING, StepSection, TextStep

LOST = "锟斤拷"
"""What is left where bytes were lost: nothing can bring them back."""


class UnicodeRepairSection(StepSection):
    """No knobs of its own."""

    kind: str = "unicode_repair"


@CLEANING.add
class UnicodeRepair(TextStep):
    """Mend mojibake."""

    kind = "unicode_repair"
    order = 1
    label = Text("Repair damaged characters", "修复乱码")
    help = Text(
        "Text that was read in a wrong encoding becomes readable again; full-width forms and quotes stay.",
        "把用错编码读取的文字修好；全角字符和引号保持不变。",
    )
    section = UnicodeRepairSection

    def mender(self, section: Any) -> Callable[[str], str]:
        """ftfy without the parts that change whole Chinese, then UTF-8 read as GBK."""
        import ftfy

        config = ftfy.TextFixerConfig(
            fix_character_width=False, uncurl_quotes=False, unescape_html=False, fix_latin_ligatures=False,
            normalization="NFC", explain=False,
        )  # fmt: skip
        return lambda text: of_gbk(ftfy.fix_text(text, config))


def of_gbk(text: str) -> str:
    """UTF-8 that was read as GBK, read rightly. Chinese that is whole is hardly ever UTF-8 in its GBK bytes: that would take
    rare characters side by side."""
    if text.isascii() or LOST in text:
        return text
    try:
        made = text.encode("gb18030").decode("utf-8")
    except UnicodeError:
        return text
    return made if sum(char > "\u07ff" for char in made) >= 2 and len(made) < len(text) else text
