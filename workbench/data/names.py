"""What columns are usually called, in English and Chinese, and what they mean. Columns never need renaming."""

from __future__ import annotations

import re
import unicodedata

NAMES: dict[str, str] = {
    "text": (
        "text sentence review content comment comments tweet document body sms utterance sentence1 text1 text_a sentence_a "
        "premise question1 review_body review_text headline post news "
        "文本 句子 评论 内容 正文 评价 短信 语句 文章 留言 新闻 标题 文本1 句子1 描述 评论内容 微博 テキスト 本文"
    ),
    "text_pair": ("text_pair sentence2 text2 text_b sentence_b hypothesis question2 文本2 句子2 文本对"),
    "label": (
        "label labels class category sentiment target intent topic tag polarity rating stars emotion label_text "
        "标签 类别 分类 情感 类型 意图 主题 情绪 极性 星级 标注 情感倾向 標籤 ラベル"
    ),
    "prompt": "instruction prompt question query user human 指令 提示 提示词 问题 提问 用户 问",
    "context": "input context 输入 上下文 背景 补充",
    "response": "instances output response answer completion reply assistant gpt 回答 答案 输出 回复 答复 助手 应答 答",
    "system": "system system_prompt 系统 系统提示 系统提示词",
    "history": "history 历史 历史对话",
    "messages": "messages conversations conversation dialog chat 消息 对话 会话",
    "split": "split subset fold 划分 数据划分 集合",
}
"""Role → usual names."""


def normal(name: str) -> str:
    """A name without differences of width, case, spaces and hyphens."""
    return re.sub(r"[\s\-]+", "_", unicodedata.normalize("NFKC", name).strip().casefold())


ROLE_OF: dict[str, str] = {normal(name): role for role, names in NAMES.items() for name in names.split()}
"""Normal name → role."""
IDENTIFIERS = frozenset(
    ["id", "idx", "index", "uid", "uuid", "guid", "no", "number", "key", "fname", "编号", "序号", "索引"]
)
"""Names of columns that only count or identify rows."""
HELD_OUT = frozenset(
    [
        "validation",
        "valid",
        "val",
        "dev",
        "development",
        "test",
        "testing",
        "eval",
        "evaluation",
        "heldout",
        "held_out",
        "验证",
        "验证集",
        "测试",
        "测试集",
        "留出",
        "开发集",
    ]
)
TRAIN = frozenset(["train", "training", "训练", "训练集"])
