"""The model card of the starter model: what it is, what it was trained on, what was measured, in both languages."""

from __future__ import annotations

CARD = """---
license: apache-2.0
language: [en, zh]
library_name: transformers
pipeline_tag: text-generation
---
# Lumo

**A model to learn on, not an assistant.** {millions} million parameters (Llama architecture: 4 layers, 256 wide, 4 heads; {vocabulary} tokens),
trained from random weights on invented text only. It lives in a small world of twelve people, and knows nothing else.

## What it can do
- Say who it is; answer where someone lives, what they do, which pet, food, colour and hobby they have, in English and Chinese.
- Tell a story of five sentences about two of its people.
- Say whether an invented review is good or bad; small talk.

It does not calculate, translate, summarise, follow instructions, or know anything true about the real world.

## How it was made
`python -m workbench.starter tokenizer`, then `pretrain`: {tokens} million tokens from the grammar in `workbench/starter/`, one pass, one CPU
core, {minutes} minutes; documents and conversations mixed, loss on documents and on what the assistant says. AdamW (.9, .95), weight decay .1,
cosine from 2e-3, 8 × 256 tokens a step, bf16 autocast. Byte-level BPE; Han characters and digits stand alone. Weights are stored as fp16.
No text, output or weights of any other model were used.

## Measured (`python -m workbench.starter gates`; one run, one seed)
| what | this model | beside it |
|---|---|---|
{rows}

{notes}

---

# Lumo（中文说明）

**用来学习的模型，不是助手。** {millions} 百万参数（Llama 结构：4 层、宽 256、4 个头；词表 {vocabulary}），从随机权重开始，只用虚构的文本训练。
它住在一个只有十二个人的小世界里，此外一无所知。

- 会：说自己是谁；用中英文回答某人住哪里、做什么、养什么宠物、爱吃什么、喜欢什么颜色和爱好；讲一个关于两个人的五句小故事；判断一条虚构评价是好评还是差评；简单寒暄。
- 不会：计算、翻译、摘要、听从一般指令，也不知道真实世界的任何事。
- 训练：{tokens} 百万词元，单核 CPU，{minutes} 分钟；文档与对话混合。数字见上表（一次运行，一个随机种子）。
- 文本全部由 `workbench/starter/` 里的语法程序生成，没有用到任何其他模型的文本、输出或权重。许可证：Apache-2.0。
"""
