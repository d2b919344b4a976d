"""Private and secret things in a text → what kind of thing stood there. Numbers with a checksum are masked only when it is right."""

from __future__ import annotations

import re
import unicodedata
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


def octets(found: re.Match[str]) -> bool:
    """Four numbers of a byte each, that are not said to be a version."""
    before = found.string[max(0, found.start() - 16) : found.start()]
    return all(int(part) < 256 for part in found[0].split(".")) and not VERSION.search(before)


def telling(found: re.Match[str]) -> bool:
    """After a colon prose may follow: a password has more than letters."""
    return "=" in found[0][: found.start("it") - found.start()] or not found["it"].isalpha()


def always(found: re.Match[str]) -> bool:
    """The form says enough."""
    return bool(found)


VERSION = re.compile(r"(?:\bv(?:er(?:sion)?)?\.?|版本号?|版)[\s:]{0,2}$", re.I)
WORDS = r"(?i:pass(?:word|wd|phrase)|pwd|secret(?:[_-]?key)?|api[_-]?key|access[_-]?token|密码|口令)"
PEM = r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?:(?!-----)[\s\S])*(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?"
KINDS: tuple[tuple[str, str, Callable[[re.Match[str]], bool]], ...] = (
    ("SECRET", PEM, always),
    ("SECRET", r"(?<![_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}", always),
    ("SECRET", r"(?:sk-(?:proj-|ant-)?|hf_|gh[pousr]_|github_pat_|xox[abprs]-|AKIA|AIza)[A-Za-z0-9_-]{16,}", always),
    ("EMAIL", r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,63}", always),
    ("SECRET", WORDS + r"[\"']?\s{0,3}[=:]\s{0,3}[\"']?(?P<it>[^\s\"',;&<>，。；]{3,128})", telling),
    ("ID", r"[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]", lambda found: identity(found[0])),
    ("CARD", r"\d(?:[ -]?\d){12,18}", lambda found: card(found[0])),
    ("ID", r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}", always),
    ("PHONE", r"(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}", always),
    ("PHONE", r"(?:\(0(?:10|2\d|[3-9]\d\d)\)[- ]?|0(?:10|2\d|[3-9]\d\d)[- ])[2-9]\d{6,7}", always),
    ("PHONE", r"\+\d{1,3}[ -]?(?:\(\d{1,4}\)[ -]?)?\d(?:[ -]?\d){6,12}", always),
    ("PHONE", r"\(?\d{3}\)?[ .-]\d{3}[.-]\d{4}", always),
    ("IP", r"\d{1,3}(?:\.\d{1,3}){3}", octets),
)  # fmt: skip
"""Name, form (`it`: the part that is masked, else all), and what must hold beside the form. Earlier kinds win. Every repetition has a
bound or one possible end, so that a text of nothing but points takes no time."""


class _Folding(dict[int, int]):
    """Full-width and other compatible characters → the plain one, where it is one, so that places stay."""

    def __missing__(self, code: int) -> int:
        plain = unicodedata.normalize("NFKC", chr(code))
        self[code] = ord(plain) if len(plain) == 1 else code
        return self[code]


FOLDED = _Folding()


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
        "E-mail addresses, phone numbers, Chinese identity and US social security numbers, bank cards, IP addresses, passwords, API "
        "and private keys. Names are not found.",
        "邮箱、电话、身份证号、美国社会保障号、银行卡号、IP 地址、密码、API 密钥与私钥。人名不会识别。",
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


def _masked(text: str, pattern: re.Pattern[str], right: Callable[[re.Match[str]], bool], mask: str) -> str:
    plain = text if text.isascii() else text.translate(FOLDED)
    parts, done = [], 0
    for found in pattern.finditer(plain):
        if right(found):
            start, end = found.span("it" if "it" in pattern.groupindex else 0)
            parts += [text[done:start], mask]
            done = end
    return "".join([*parts, text[done:]]) if parts else text
