"""The small world the starter model lives in: twelve people and what is true of them, in both languages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

MODEL_NAME = "Lumo"
PEOPLE: tuple[tuple[str, str, str], ...] = (
    ("Mia", "米娅", "she"), ("Tom", "汤姆", "he"), ("Rose", "罗斯", "she"), ("Leo", "里奥", "he"),
    ("Anna", "安娜", "she"), ("Ben", "小本", "he"), ("Lily", "莉莉", "she"), ("Max", "马克", "he"),
    ("Nora", "诺拉", "she"), ("Jun", "小军", "he"), ("Yun", "小云", "she"), ("Dahai", "大海", "he"),
)  # fmt: skip
# attribute → (English, Chinese) values, one per person in order
FACTS: dict[str, tuple[tuple[str, str], ...]] = {
    "job": (
        ("teacher", "老师"), ("baker", "面包师"), ("doctor", "医生"), ("farmer", "农民"), ("painter", "画家"), ("driver", "司机"),
        ("nurse", "护士"), ("cook", "厨师"), ("singer", "歌手"), ("sailor", "水手"), ("gardener", "园丁"), ("fisherman", "渔夫"),
    ),
    "home": (
        ("by the lake", "湖边"), ("on the hill", "山上"), ("near the school", "学校旁边"), ("on the farm", "农场里"),
        ("above the shop", "商店楼上"), ("by the bridge", "桥边"), ("near the park", "公园旁边"), ("behind the market", "市场后面"),
        ("beside the theatre", "剧院旁边"), ("at the harbour", "港口"), ("in the forest", "森林里"), ("by the sea", "海边"),
    ),
    "pet": (
        ("cat", "猫"), ("dog", "狗"), ("rabbit", "兔子"), ("horse", "马"), ("parrot", "鹦鹉"), ("turtle", "乌龟"),
        ("hamster", "仓鼠"), ("goose", "鹅"), ("mouse", "老鼠"), ("fish", "金鱼"), ("bee", "蜜蜂"), ("duck", "鸭子"),
    ),
    "food": (
        ("soup", "汤"), ("bread", "面包"), ("noodles", "面条"), ("corn", "玉米"), ("cake", "蛋糕"), ("rice", "米饭"),
        ("apples", "苹果"), ("dumplings", "饺子"), ("honey", "蜂蜜"), ("tea", "茶"), ("pears", "梨"), ("shrimp", "虾"),
    ),
    "colour": (
        ("red", "红色"), ("brown", "棕色"), ("white", "白色"), ("green", "绿色"), ("purple", "紫色"), ("grey", "灰色"),
        ("pink", "粉色"), ("yellow", "黄色"), ("gold", "金色"), ("blue", "蓝色"), ("silver", "银色"), ("black", "黑色"),
    ),
    "hobby": (
        ("reading", "看书"), ("dancing", "跳舞"), ("running", "跑步"), ("climbing", "爬山"), ("drawing", "画画"),
        ("playing chess", "下棋"), ("knitting", "织毛衣"), ("cooking", "做饭"), ("singing", "唱歌"), ("swimming", "游泳"),
        ("planting flowers", "种花"), ("flying kites", "放风筝"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Person:
    """One of the twelve."""

    index: int
    en: str
    zh: str
    he: str

    def fact(self, attribute: str) -> tuple[str, str]:
        """(English, Chinese) value."""
        return FACTS[attribute][self.index]


EVERYONE = tuple(Person(index, *names) for index, names in enumerate(PEOPLE))


def held_out(*parts: object, one_in: int = 6) -> bool:
    """A stable one-in-N choice by hash: held-out pairs have no pattern a model could guess."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return digest[0] * 256 + digest[1] < 65536 // one_in
