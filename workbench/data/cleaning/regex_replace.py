"""A pattern and what takes its place. A pattern that would never end is stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.pattern import SECONDS, Unfit, compiled, wrong
from workbench.data.step import CLEANING, StepSection, TextStep


class RegexReplaceSection(StepSection):
    """The pattern and the replacement."""

    kind: str = "regex_replace"
    pattern: str = knob(
        "",
        Text("Pattern", "正则表达式"),
        Text("A regular expression as Python has it.", "Python 风格的正则表达式。"),
        example=r"\s*\[\d+\]",
    )
    replacement: str = knob(
        "", Text("Replace with", "替换为"), Text(r"\1 is the first group. Empty removes what was found.", r"\1 表示第一组；留空则删除。"), example=""
    )  # fmt: skip
    ignore_case: bool = knob(
        False, Text("Ignore case", "忽略大小写"), Text("A and a are the same.", "A 与 a 视为相同。")
    )


@CLEANING.add
class RegexReplace(TextStep):
    """Find and replace."""

    kind = "regex_replace"
    order = 7
    label = Text("Find and replace", "查找替换")
    help = Text("Replaces what a regular expression finds.", "替换正则表达式找到的内容。")
    section = RegexReplaceSection

    def mender(self, section: Any) -> Callable[[str], str]:
        """By the regex package, which can be stopped."""
        import regex

        try:
            pattern = compiled(section.pattern, regex.IGNORECASE if section.ignore_case else 0)
            pattern.sub(section.replacement, "")
        except Unfit as error:
            raise _wrong(section, error.text) from error
        except (regex.error, IndexError) as error:
            raise _wrong(section, wrong(error)) from error

        def mend(text: str) -> str:
            try:
                return str(pattern.sub(section.replacement, text, timeout=SECONDS)) if section.pattern else text
            except TimeoutError as error:
                why = Text(f"more than {SECONDS:g} s for one text", f"单条文字耗时超过 {SECONDS:g} 秒")
                raise _wrong(section, why) from error
            except (regex.error, IndexError) as error:
                raise _wrong(section, wrong(error)) from error

        return mend


def _wrong(section: Any, why: Text) -> UserError:
    return UserError(
        f"pattern: “{shorten(section.pattern)}” with “{shorten(section.replacement)}” does not work: {shorten(why.en, 80)}. Mend it, for "
        r"instance \s+ for any spaces.",
        f"pattern：“{shorten(section.pattern)}”与“{shorten(section.replacement)}”不可用：{shorten(why.zh, 80)}。请修改，例如 \\s+ 表示任意空白。",
        field="pattern",
    )
