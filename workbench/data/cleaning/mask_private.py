"""Private and secret things in a text → what kind of thing stood there. Numbers with a checksum are masked only when it is right."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.step import CLEANING, StepSection, TextStep

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CHECK = "10X98765432"
EDGE = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"


def identity(text: str) -> bool:
    """The check digit of a Chinese identity number (GB 11643)."""
    return (
        ID_CHECK[sum(int(digit) * weight for digit, weight in zip(text, ID_WEIGHTS, strict=False)) % 11]
        == text[-1].upper()
    )


def card(text: str) -> bool:
    """Luhn's check of a bank card number."""
    digits = [int(char) for char in reversed(text) if char.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return 13 <= len(digits) <= 19 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def octets(text: str) -> bool:
    """Four numbers of a byte each."""
    return all(int(part) < 256 for part in text.split("."))


def always(text: str) -> bool:
    """The form says enough."""
    return bool(text)


KINDS: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
    ("EMAIL", r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}", always),
    ("SECRET", r"(?:sk-(?:proj-|ant-)?|hf_|gh[pousr]_|xox[abprs]-|AKIA|AIza)[A-Za-z0-9_-]{16,}", always),
    ("ID", r"[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]", identity),
    ("CARD", r"\d(?:[ -]?\d){12,18}", card),
    ("PHONE", r"(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}", always),
    ("PHONE", r"\+\d{1,3}[ -]?(?:\(\d{1,4}\)[ -]?)?\d(?:[ -]?\d){6,12}", always),
    ("PHONE", r"\(?\d{3}\)?[ -]\d{3}-\d{4}", always),
    ("IP", r"\d{1,3}(?:\.\d{1,3}){3}", octets),
)
"""Name, form, and what must hold beside the form. Earlier kinds win."""


class MaskPrivateSection(StepSection):
    """What is put in their place."""

    kind: str = "mask_private"
    mask: str = knob(
        "<{kind}>",
        Text("Put in its place", "替换为"),
        Text(
            "{kind} becomes EMAIL, PHONE, ID, CARD, IP or SECRET.",
            "{kind} 会变成 EMAIL、PHONE、ID、CARD、IP 或 SECRET。",
        ),
        example="<{kind}>",
    )


@CLEANING.add
class MaskPrivate(TextStep):
    """Mask what is nobody's business."""

    kind = "mask_private"
    order = 6
    label = Text("Mask private data", "隐去私密信息")
    help = Text(
        "E-mail addresses, phone numbers, Chinese identity numbers, bank cards, IP addresses, API keys. Names are not found.",
        "邮箱、电话、身份证号、银行卡号、IP 地址、API 密钥。人名不会识别。",
    )
    section = MaskPrivateSection

    def mender(self, section: Any) -> Callable[[str], str]:
        """Kind by kind."""
        kinds = [(name, re.compile(EDGE[0] + form + EDGE[1]), right) for name, form, right in KINDS]

        def mend(text: str) -> str:
            for name, pattern, right in kinds:
                text = _masked(text, pattern, right, section.mask.replace("{kind}", name))
            return text

        return mend


def _masked(text: str, pattern: re.Pattern[str], right: Callable[[str], bool], mask: str) -> str:
    return pattern.sub(lambda found: mask if right(found[0]) else found[0], text)
