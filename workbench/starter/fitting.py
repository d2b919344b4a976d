"""Which Chinese opinion words go with which kind of thing, so that sample reviews do not praise rice for being clear."""

from __future__ import annotations

from workbench.starter.words import BAD_ZH, GOOD_ZH

ONLY: dict[str, str] = {
    "电影": "精彩 好看 感人 细腻 生动 震撼 紧凑 幽默 悦耳 好听 动人 流畅 有趣 无聊 难看 拖沓 乏味 生硬 单调 刺耳 难听 做作 空洞 松散 尴尬 平庸 虚假",
    "餐厅": "干净 美味 新鲜 热情 周到 贴心 实惠 香甜 可口 地道 清爽 鲜美 酥脆 体贴 整洁 肮脏 难吃 变质 冷漠 敷衍 粗鲁 油腻 发苦 无礼 走味 腥臭 干硬 缓慢 小气 昂贵",
    "酒店": "舒服 干净 热情 周到 贴心 温馨 安静 方便 宽敞 明亮 舒适 整洁 雅致 优雅 难受 肮脏 冷漠 敷衍 粗鲁 阴冷 吵闹 破旧 狭小 昏暗 闷热 杂乱 无礼 土气 寒酸",
    "手机": "耐用 流畅 清晰 可靠 高效 稳定 轻便 实用 顺手 灵活 快捷 方便 实惠 专业 易坏 卡顿 模糊 麻烦 死机 笨重 鸡肋 迟缓 脆弱 粗糙 缓慢 别扭 昂贵",
    "书": "好看 感人 细腻 生动 有趣 动人 丰富 精致 紧凑 幽默 难忘 扎实 无聊 难看 乏味 混乱 生硬 空洞 死板 拖沓 松散 平庸 单调 做作 俗气",
    "衣服": "舒服 好看 漂亮 精致 柔软 轻便 结实 耐用 别致 大方 清爽 优雅 实惠 易坏 丑陋 粗糙 俗气 扎手 硌人 土气 寒酸 别扭 笨重 马虎 难看 闷热",
}  # fmt: skip
ANYTHING = "出色 惊喜 满意 完美 划算 迷人 用心 超值 难忘 糟糕 失望 后悔 生气 坑人 不值 马虎 糊弄 鸡肋 平庸"


def fitting(topic: str, positive: bool) -> list[str]:
    """The words of one side that go with a topic, in the order of the word list."""
    allowed = {*ONLY[topic].split(), *ANYTHING.split()}
    return [word for word in (GOOD_ZH if positive else BAD_ZH) if word in allowed]
