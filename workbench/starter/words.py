"""Opinion words and things to judge, in both languages. The half of the words that samples hold out is chosen by hash."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GOOD_ZH = _words(
    "精彩 好看 感人 出色 舒服 干净 美味 新鲜 热情 周到 贴心 实惠 耐用 漂亮 精致 流畅 清晰 有趣 温馨 安静 方便 可靠 惊喜 满意 完美 细腻 "
    "生动 优雅 宽敞 明亮 划算 香甜 可口 专业 友好 高效 稳定 轻便 柔软 实用 迷人 震撼 用心 地道 清爽 及时 耐心 紧凑 幽默 超值 顺手 丰富 "
    "悦耳 好听 动人 结实 快捷 整洁 舒适 扎实 鲜美 酥脆 体贴 大方 灵活 雅致 别致 难忘"
)
BAD_ZH = _words(
    "无聊 难看 拖沓 糟糕 难受 肮脏 难吃 变质 冷漠 敷衍 粗鲁 昂贵 易坏 丑陋 粗糙 卡顿 模糊 乏味 阴冷 吵闹 麻烦 失望 后悔 生气 破旧 混乱 "
    "生硬 俗气 狭小 昏暗 坑人 发苦 油腻 外行 无礼 缓慢 死机 笨重 扎手 鸡肋 平庸 虚假 马虎 走味 闷热 拖延 急躁 松散 尴尬 不值 别扭 单调 "
    "刺耳 难听 做作 脆弱 迟缓 杂乱 硌人 空洞 腥臭 干硬 刻薄 小气 死板 土气 寒酸 糊弄"
)
GOOD_EN = _words(
    "superb moving brilliant lovely charming clean tasty fresh kind caring helpful cheap sturdy pretty smooth clear funny warm quiet handy "
    "reliable thrilling perfect vivid elegant spacious bright sweet delicious skilled friendly quick steady light soft useful gripping "
    "honest crisp patient witty rich tender solid fast tidy cosy juicy thoughtful generous clever graceful memorable delightful"
)
BAD_EN = _words(
    "boring ugly dull awful painful dirty bland stale cold careless rude pricey flimsy clumsy rough blurry silly gloomy noisy awkward "
    "annoying tedious broken messy stiff tacky cramped dark bitter nasty greasy lazy hostile slow shaky heavy scratchy useless fake "
    "sloppy soggy impatient lame empty tough weak late filthy damp sour thoughtless greedy dumb lifeless forgettable dreadful"
)
THINGS_ZH: dict[str, tuple[str, ...]] = {
    "电影": ("剧情", "演技", "音乐", "画面", "对白", "结尾"), "餐厅": ("菜", "汤", "甜点", "服务", "环境", "米饭"),
    "酒店": ("房间", "床", "早餐", "前台", "浴室", "位置"), "手机": ("屏幕", "电池", "手感", "声音", "相机", "系统"),
    "书": ("故事", "文字", "人物", "封面", "开头", "插图"), "衣服": ("面料", "做工", "样子", "颜色", "尺寸", "口袋"),
}  # fmt: skip
THINGS_EN: dict[str, tuple[str, ...]] = {
    "film": ("plot", "acting", "music", "camera work", "dialogue", "ending"), "restaurant": ("food", "soup", "dessert", "service", "room", "bread"),
    "hotel": ("room", "bed", "breakfast", "front desk", "bathroom", "lobby"), "phone": ("screen", "battery", "case", "sound", "camera", "software"),
    "book": ("story", "writing", "hero", "cover", "opening", "drawings"), "jacket": ("cloth", "stitching", "shape", "colour", "lining", "zip"),
}  # fmt: skip
