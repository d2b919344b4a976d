"""Bytes to text, with the encoding named: marks and NULs, UTF-8, then Chinese judged by how common its characters are.

General detectors guess short GBK files wrong, and a learner's first file is short: so a decode is scored against the
characters people really write, and charset-normalizer is asked only when that stays unclear.
What it does not know: languages other than Chinese and Western European ones are left to charset-normalizer.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from workbench.core.errors import UserError
from workbench.core.text import Text

MARK = "\udcff"
"""Stands for bytes that could not be decoded; rows that hold it are refused later, with their line."""
SAMPLE = 1 << 16
PLANES = 16
"""The second byte of a character in UTF-32 is at most this."""
SURE = 0.55
"""From this score on a decode is what people write."""
CHINESE = ("gb18030", "cp950")
BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
COMMON = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里"
    "用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实"
    "日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政"
    "美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员"
    "解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件"
    "计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象"
    "完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运笔标签差评"
    "价内容文本句情感类别喜欢讨厌满意服务房间酒店电影质量快递姓名性别年龄李刘陈杨赵黄周吴男女是否正面负面"
    "買賣這個們來為國說時會對後發過學還進樣經沒動開從實無與長機關點業將兩間問應戰體見產製話書語題電數報"
    "結總條氣變東聲員義各認論處門給許統區隊決達強難權設類據邊張該規萬覺術領確傳師觀讓識帶導爭運標籤評價"
    "內歡滿務質遞齡劉陳楊趙黃吳負裡麼嗎呢吧啊哈哦请請谢謝您网網买卖错錯坏壞服務差推荐薦客户戶订訂"
)
_ODD = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
codecs.register_error("workbench-mark", lambda error: (MARK, getattr(error, "end", 0)))


@dataclass(frozen=True)
class Decoded:
    """The text, the codec's name as it goes into the dataset's facts, and what a person should know of it."""

    text: str
    encoding: str
    warning: Text | None = None


def decode(data: bytes, name: str) -> Decoded:
    """Decode the bytes of the file `name`; UserError when they are no text."""
    for attempt in (_by_mark, _by_nuls, _utf8, _utf16, _western, _chinese, _by_normalizer):
        found = attempt(data)
        if found is not None:
            return found
    raise UserError(
        f"{name}: this is no text in an encoding that can be recognised; save it as UTF-8 and import it again.",
        f"{name}：无法识别其文本编码；请另存为 UTF-8 后重新导入。",
        field="file",
    )


def _read_as(label: str) -> Text:
    return Text(f"read as {label}", f"按 {label} 读取")


def _by_mark(data: bytes) -> Decoded | None:
    for mark, codec, label in BOMS:
        if data.startswith(mark):
            text = data[len(mark) :].decode(codec, "workbench-mark")
            encoding = "utf-8-sig" if codec == "utf-8" else codec
            warning = Text(
                f"read as {label} (the file starts with a byte-order mark)",
                f"按 {label} 读取（文件以 BOM 开头）",
            )
            return Decoded(text.replace("\0", ""), encoding, warning)
    return None


def _by_nuls(data: bytes) -> Decoded | None:
    """UTF-32 and UTF-16 without a mark. In UTF-32 a NUL begins or ends every character; in UTF-16 ASCII commas and line ends leave a NUL
    in every second place, on one side only."""
    head = data[:SAMPLE]
    for codec, label, outer, inner in (("utf-32-le", "UTF-32 LE", 3, 2), ("utf-32-be", "UTF-32 BE", 0, 1)):
        if data and len(data) % 4 == 0 and not any(head[outer::4]) and max(head[inner::4]) <= PLANES:
            return _strictly(data, codec, label)
    even, odd = head[::2].count(0), head[1::2].count(0)
    if (even or odd) and min(even, odd) * 10 <= max(even, odd) and not _stray_nuls(head, even + odd):
        codec, label = ("utf-16-le", "UTF-16 LE") if odd > even else ("utf-16-be", "UTF-16 BE")
        return _strictly(data, codec, label) if len(data) % 2 == 0 else None
    return None


def _stray_nuls(head: bytes, nuls: int) -> bool:
    """A few NULs in what is UTF-8 otherwise: damage, no UTF-16."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return nuls * 100 <= len(head)


def _strictly(data: bytes, codec: str, label: str) -> Decoded | None:
    text = data.decode(codec, "workbench-mark")
    return None if _ODD.search(text) else Decoded(text, codec, _read_as(label))


def _utf16(data: bytes) -> Decoded | None:
    """Chinese in UTF-16 without a mark, where NULs tell nothing (一 has one too): read the wrong way round it is no Chinese."""
    if len(data) % 2:
        return None
    head = data[:SAMPLE]
    scores = {codec: _score(head, codec) for codec in ("utf-16-le", "utf-16-be")}
    codec = max(scores, key=lambda name: scores[name])
    return _strictly(data, codec, f"UTF-16 {codec[-2:].upper()}") if scores[codec] >= SURE else None


def _utf8(data: bytes) -> Decoded | None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _damaged_utf8(data, data.rfind(b"\n", 0, error.start) + 1)
    nuls = text.count("\0")
    if nuls * 100 > len(text):
        return None
    if nuls:
        warning = Text(f"{nuls} NUL characters were left out", f"去掉了 {nuls} 个 NUL 字符")
        return Decoded(text.replace("\0", ""), "utf-8", warning)
    return Decoded(text, "utf-8")


def _damaged_utf8(data: bytes, start: int) -> Decoded | None:
    """UTF-8 with a few wrong bytes, judged around the first of them; None when it is another encoding.

    Three bytes that make a character of UTF-8 hardly ever come together by chance, two often do.
    """
    first = data.rfind(b"\n", 0, max(0, start - SAMPLE)) + 1
    near = data[first : start + SAMPLE].decode("utf-8", "workbench-mark")
    wrong, high = near.count(MARK), [char for char in near if not char.isascii()]
    if wrong * 5 > len(high) and sum("\u0800" <= char < "\ud800" for char in high) < wrong * 2:
        return None
    warning = Text("read as UTF-8; some bytes in it are damaged", "按 UTF-8 读取；其中有损坏的字节")
    return Decoded(data.decode("utf-8", "workbench-mark"), "utf-8", warning)


def _sample(data: bytes) -> bytes:
    """The part to judge by: from the first byte that is not ASCII on."""
    found = re.search(rb"[\x80-\xff]", data)
    start = found.start() if found else 0
    return data[start : start + SAMPLE]


def _western(data: bytes) -> Decoded | None:
    """cp1252: accented letters stand alone among ASCII, while the bytes of Chinese come in pairs."""
    sample = _sample(data)
    high = re.findall(rb"[\x80-\xff]+", sample)
    alone = sum(len(run) == 1 for run in high)
    if b"\0" in data[:SAMPLE] or alone < 0.6 * sum(map(len, high)):
        return None
    best = max(_score(sample, codec) for codec in CHINESE)
    try:
        return None if best > 0.3 else Decoded(data.decode("cp1252"), "cp1252", _read_as("Windows-1252"))
    except UnicodeDecodeError:
        return None


def _chinese(data: bytes) -> Decoded | None:
    if b"\0" in data[:SAMPLE]:
        return None
    sample = _sample(data)
    scores = {codec: _score(sample, codec) for codec in CHINESE}
    codec = max(scores, key=lambda name: scores[name])
    sure = SURE if len(sample) > 200 else 0.2
    if scores[codec] < sure:
        return None
    return _named(data, codec)


def _named(data: bytes, codec: str) -> Decoded:
    if codec == "cp950":
        return Decoded(data.decode("cp950", "workbench-mark"), "big5", _read_as("Big5"))
    try:
        return Decoded(data.decode("gbk"), "gbk", _read_as("GBK"))
    except UnicodeDecodeError:
        return Decoded(data.decode("gb18030", "workbench-mark"), "gb18030", _read_as("GB18030"))


def _score(sample: bytes, codec: str) -> float:
    """How much the characters look like what people write: 1 all very common, below 0 nonsense."""
    weights = [_weight(char) for char in sample.decode(codec, "workbench-mark") if not char.isascii()]
    if len(sample) == SAMPLE:
        weights = weights[:-1]  # the sample may have been cut inside a character
    return sum(weights) / len(weights) if weights else -1.0


def _weight(char: str) -> float:
    if char in COMMON:
        return 1.0
    if "\u3000" <= char <= "\u303f" or "\uff00" <= char <= "\uffef" or char in "“”‘’…—–·°×":
        return 0.5
    if not "\u4e00" <= char <= "\u9fff":
        return -1.0
    return 0.4 if _everyday(char) else -0.2


def _everyday(char: str) -> bool:
    """In the first level of GB2312 (3755 characters) or of Big5 (5401): the national lists of characters in daily use."""
    simplified = char.encode("gb2312", "ignore")
    traditional = char.encode("big5", "ignore")
    return b"\xb0" <= simplified[:1] <= b"\xd7" or b"\xa4" <= traditional[:1] <= b"\xc6"


def _by_normalizer(data: bytes) -> Decoded | None:
    """The last resort, limited to encodings that text tables really come in."""
    if b"\0" in data[:SAMPLE]:
        return None
    from charset_normalizer import from_bytes

    candidates = ["gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1251", "cp1252"]
    best = from_bytes(_sample(data), cp_isolation=candidates, threshold=0.4).best()
    if best is None:
        return None
    warning = Text(
        f"read as {best.encoding}, which is a guess: look whether the text is right, else save the file as UTF-8",
        f"按 {best.encoding} 读取，此为推测：请检查文字是否正确，否则将文件另存为 UTF-8",
    )
    return Decoded(data.decode(best.encoding, "workbench-mark"), best.encoding, warning)
