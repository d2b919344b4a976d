"""The part of a recipe about the report card: evaluation."""

from __future__ import annotations

from workbench.core.knob import Section, knob
from workbench.core.text import Text


class EvaluationSection(Section):
    """The `evaluation:` part: what the report card looks at."""

    max_rows: int = knob(
        500,
        Text("Held-out rows at most", "评估行数上限"),
        Text(
            "More rows give a steadier number and take longer. "
            "Raise it when the report card cannot tell two models apart.",
            "行数越多，数值越稳，也越慢。成绩单分不出高下时调大。",
        ),
        ge=1,
        le=1_000_000,
        advanced=True,
        example="500",
    )
    part: str = knob(
        "all",
        Text("Which held-out rows", "用哪些留出行"),
        Text(
            "Whoever picks the best of several runs needs rows that took no part in picking: one half picks, the other judges. "
            "A search sets it by itself; by hand it is seldom needed. Half the rows make intervals wider.",
            "从多个训练任务中挑最好的，需要没有参与挑选的行：一半用来挑选，另一半用来最终评判。"
            "搜索会自动设置，很少需要手动更改。只用一半的行，区间会更宽。",
        ),
        choices=(
            ("all", Text("all", "全部")),
            ("selection", Text("the half that picks", "用于挑选的一半")),
            ("untouched", Text("the untouched half", "未动用的一半")),
        ),
        advanced=True,
    )
    samples: int = knob(
        8,
        Text("Sample answers", "回答样例"),
        Text(
            "Held-out prompts answered before and after, side by side. "
            "More show more of how it speaks, and take longer: each is written token by token.",
            "取几条留出的提示，并排展示微调前后的回答。越多越能看出它怎么说话，也越慢：每条都要逐词元生成。",
        ),
        ge=0,
        le=200,
        advanced=True,
        example="8",
    )
    generated: int = knob(
        64,
        Text("Generated answers", "生成的回答数"),
        Text(
            "Rows answered in words to score summaries and translations; answering is slow on a CPU. "
            "Raise it for a steadier score, on a GPU above all.",
            "为评估摘要和翻译而逐行生成回答的行数；在 CPU 上生成较慢。想让分数更稳时调大，最好在 GPU 上。",
        ),
        ge=1,
        le=1_000_000,
        advanced=True,
        example="64",
    )
    max_new_tokens: int = knob(
        48,
        Text("Answer length", "回答长度"),
        Text(
            "Tokens generated per sample answer at most. "
            "Raise it when samples break off in mid-sentence; time grows with it.",
            "每条样例回答最多生成的词元数。样例回答在句中断开时调大；用时随之增加。",
        ),
        ge=1,
        le=4096,
        advanced=True,
        example="48",
    )
    probe: bool = knob(
        True,
        Text("Forgetting probe", "遗忘检测"),
        Text(
            "Language models also read eighty general sentences before and after: whether they still know what they knew. "
            "It shows forgetting, and takes a few seconds; turn it off only for quick tries.",
            "语言模型在微调前后各读八十个通用句子，检查原有能力是否还在。能看出遗忘，只需几秒；只有快速试跑时才关闭。",
        ),
        advanced=True,
    )
    baseline: bool = knob(
        True,
        Text("Cheap baseline", "简单基线"),
        Text(
            "Also scores the most frequent answer and TF-IDF + logistic regression, so that you see what a network is worth. "
            "It takes seconds; turn it off for very large datasets.",
            "同时给“最常见答案”和 TF-IDF + 逻辑回归打分，看看神经网络究竟值不值。只需几秒；数据集极大时可关闭。",
        ),
        advanced=True,
    )
