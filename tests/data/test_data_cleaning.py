"""Cleaning: what each step does to known rows, that nothing is changed in place, and that steps replay."""

from __future__ import annotations

import json
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from workbench import ASSETS
from workbench.core.errors import UserError
from workbench.core.files import sha256
from workbench.core.workspace import Workspace
from workbench.data import clean, exchange, frame, library, nearby
from workbench.data.cleaning import word_list
from workbench.data.export import export
from workbench.data.history import History
from workbench.data.step import CLEANING, View, checked, replay
from workbench.data.table import Table

VIEW = View(["text", "label", "split"], {"text": "text", "label": "label", "split": "split"})
SETTINGS: dict[str, dict[str, Any]] = {
    "word_list": {"words": "fine; 好看"},
    "rename_labels": {"names": "good = positive"},
    "regex_replace": {"pattern": "o+", "replacement": "0"},
    "template": {"template": "{label}: {text}", "into": "text"},
    "expression": {"expression": "length(text) < 15"},
    "split_column": {"column": "text", "separator": " ", "into": "first, rest"},
    "token_bounds": {"model": "lumo", "shortest": 3},
}
"""Steps that do nothing without a setting."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a step looks for models when it is not told of a workspace."""
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "w"))


def rows(*texts: str, label: str = "good", split: str = "train") -> list[dict[str, Any]]:
    return [{"text": text, "label": label, "split": split} for text in texts]


def after(kind: str, given: list[dict[str, Any]], **settings: Any) -> list[dict[str, Any]]:
    return replay(given, VIEW, [{"kind": kind, **settings}])[0]


def text_after(kind: str, text: str, **settings: Any) -> str:
    return str(after(kind, rows(text), **settings)[0]["text"])


def table() -> list[dict[str, Any]]:
    """Something for every step."""
    made = rows("A film  that is good", "A film that is good!", "電影很好看，mail a@b.cc", "<p>Good &amp; fine</p>", "")
    for number in range(8):
        made += [*rows(f"fine sun number {number}"), *rows(f"awful mud number {number}", label="bad")]
    made += [*rows("awful mud number 9"), *rows("A film that is good", label="Good"), *rows("nope", label="bad")]
    return [*made, *rows("A film that is good", split="test")]


@pytest.mark.parametrize("kind", CLEANING.kinds())
def test_every_step_leaves_its_input_alone_and_replays_to_the_same(kind: str) -> None:
    given = table()
    whole = json.dumps(given)
    first, (effect,) = replay(given, VIEW, [{"kind": kind, **SETTINGS.get(kind, {})}])
    assert json.dumps(given) == whole
    again, _ = replay(given, VIEW, [json.loads(json.dumps(effect.facts()))])
    assert again == first
    assert effect.changed + effect.dropped + effect.added > 0 or kind == "unicode_repair"
    assert effect.after == len(first) == effect.before - effect.dropped + effect.added


TALK = {"messages": [{"role": "user", "content": "Hi  there"}, {"role": "assistant", "content": "Good  day"}]}
TALKS = View(["messages"], {"messages": "messages"})
NEED_A_COLUMN = {"template", "expression", "split_column"}
NEED_A_ROLE = {"label_errors", "rename_labels", "merge_variants", "conflicting_labels", "balance", "leakage"}


@pytest.mark.parametrize("kind", sorted(set(CLEANING.kinds()) - NEED_A_ROLE - NEED_A_COLUMN))
def test_every_step_works_on_conversations(kind: str) -> None:
    settings = {**SETTINGS.get(kind, {}), **({"keep": "latin"} if kind == "language_filter" else {})}
    (made,), _ = replay([TALK], TALKS, [{"kind": kind, **settings}])
    said = [turn["content"] for turn in made["messages"]]
    assert [turn["role"] for turn in made["messages"]] == ["user", "assistant"]
    assert said == {"whitespace": ["Hi there", "Good day"], "regex_replace": ["Hi  there", "G0d  day"]}.get(
        kind, ["Hi  there", "Good  day"]
    )


@pytest.mark.parametrize("kind", sorted(NEED_A_ROLE))
def test_a_step_that_needs_a_role_says_which(kind: str) -> None:
    with pytest.raises(UserError, match=r"the role (label|split)"):
        replay([TALK], TALKS, [{"kind": kind, **SETTINGS.get(kind, {})}])


@pytest.mark.parametrize(
    ("kind", "settings", "before", "wanted"),
    [
        ("whitespace", {}, " a\u3000 b\u200b \r\n\n\n\n c ", "a b\n\nc"),
        ("whitespace", {"join_lines": True, "between_han": True}, "我 爱\n北京 and you", "我爱北京 and you"),
        ("whitespace", {}, "👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("unicode_repair", {}, "cafÃ© dâ€™or", "café d’or"),
        ("unicode_repair", {}, "他说：“你好！”（测试）１２３", "他说：“你好！”（测试）１２３"),
        ("strip_markup", {}, "<p>a &lt; b</p><script>x()</script><p>c</p>", "a < b\nc"),
        ("strip_markup", {}, "1 < 2 and 3 > 2 & so on", "1 < 2 and 3 > 2 & so on"),
        ("strip_markup", {"markdown": True}, "# T\n**b** [l](http://x) `c`", "T\nb l c"),
        ("convert_chinese", {}, "電影很好看 ok", "电影很好看 ok"),
        ("convert_chinese", {"to": "s2t"}, "电影", "電影"),
        ("mask_private", {}, "write to anna.b@example.com or 13800138000", "write to <EMAIL> or <PHONE>"),
        ("mask_private", {}, "证件 11010519491231002X 和 110105194912310021", "证件 <ID> 和 110105194912310021"),
        ("mask_private", {}, "card 4111 1111 1111 1111, order 4111111111111112", "card <CARD>, order 4111111111111112"),
        ("mask_private", {"mask": "[{kind}]"}, "at 192.168.1.7 not 999.1.1.1", "at [IP] not 999.1.1.1"),
        ("mask_private", {}, "key sk-abcdefghijklmnop1234", "key <SECRET>"),
        ("mask_private", {}, "010-62345678, 0755-26543210 or 555.123.4567", "<PHONE>, <PHONE> or <PHONE>"),
        ("mask_private", {}, "电话１３８１２３４５６７８。SSN 123-45-6789, not 2023-12-1234", "电话<PHONE>。SSN <ID>, not 2023-12-1234"),
        ("mask_private", {}, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N x", "<SECRET> x"),
        ("mask_private", {}, "github_pat_11ABCDEFG0abcdefghijkl_mnop", "<SECRET>"),
        ("mask_private", {}, "-----BEGIN RSA PRIVATE KEY-----\nA: 4,B\nMIIE\n-----END RSA PRIVATE KEY----- end", "<SECRET> end"),
        ("mask_private", {}, "password=hunter2 密码：abc123 Password: required", "password=<SECRET> 密码：<SECRET> Password: required"),
        ("mask_private", {}, "version 1.2.3.4, v1.2.3.4, 版本：1.2.3.4, host 1.2.3.4", "version 1.2.3.4, v1.2.3.4, 版本：1.2.3.4, host <IP>"),
        ("strip_markup", {}, "<b>bold</b> <![x]> rest", "bold <![x]> rest"),
        ("strip_markup", {}, "<b>bold</b> <!-- a < b --> <a title='x'>rest</a>", "bold  rest"),
        ("regex_replace", {"pattern": r"\[(\d+)\]", "replacement": r"(\1)"}, "see [12]", "see (12)"),
        ("template", {"template": "{label} – {text} ${x.__class__}", "into": "text"}, "hi", None),
        ("template", {"template": "{label} – {text}", "into": "text"}, "hi", "good – hi"),
    ],
)  # fmt: skip
def test_known_texts(kind: str, settings: dict[str, Any], before: str, wanted: str | None) -> None:
    if kind == "template" and wanted is None:
        with pytest.raises(UserError, match="no column"):
            text_after(kind, before, **settings)
    else:
        assert text_after(kind, before, **settings) == wanted


def test_text_that_was_read_as_gbk_comes_back() -> None:
    for text in ("你好", "这部电影很好看呢", "我们明天去北京吧"):
        damaged = text.encode().decode("gb18030", "ignore")
        if damaged.encode("gb18030", "ignore") == text.encode():
            assert text_after("unicode_repair", damaged) == text
    for whole in ("锟斤拷", "联通", "龍頭企業獲獎", "鐢靛奖院里的人", "café 你好"):
        assert text_after("unicode_repair", whole) == whole


def test_of_equal_rows_the_first_stays() -> None:
    made = after("exact_duplicates", [*rows("Good film.", "good  FILM", "other", "", ""), *rows("!!!", "???")])
    assert [row["text"] for row in made] == ["Good film.", "other", "", "", "!!!", "???"]


@pytest.mark.parametrize(
    "pair",
    ["2+3? 2*3?", "1.5 15", "-5 5", "C++ C#", "C C++", "a<b a>b", "😀 😡", "कि की", "1,5 15", "12:30 1230", "0% 0"],
)
def test_symbols_signs_and_vowels_make_another_text(pair: str) -> None:
    one, other = pair.split(" ")
    assert len(after("exact_duplicates", rows(one, other))) == 2
    assert len(after("exact_duplicates", rows(f"Great {one}", f"Great {other}"))) == 2


@pytest.mark.parametrize(
    "pair",
    ["你好！|你好", "你好，世界|你好 世界", "don't|don’t", "“ＡＢＣ”|abc", "Hi, you!|hi  you", "我爱 NLP。|我爱NLP"],
)
def test_width_case_spaces_and_punctuation_make_none(pair: str) -> None:
    assert len(after("exact_duplicates", rows(*pair.split("|")))) == 1


def test_a_row_without_a_label_is_no_conflict() -> None:
    given = [*rows("same", "same", label=""), *rows("same", label="a")]
    assert after("conflicting_labels", given) == given
    assert after("conflicting_labels", [*given, *rows("C++", label="a"), *rows("C#", label="b")])[3:] != []


def test_many_labels_are_merged_in_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    import opencc

    from workbench.data.cleaning import merge_variants

    made: list[str] = []
    real = opencc.OpenCC
    monkeypatch.setattr(opencc, "OpenCC", lambda name: made.append(name) or real(name))
    merge_variants._simplifier.cache_clear()
    after("merge_variants", [row for number in range(50) for row in rows("a", label=f"標籤{number}")])
    assert made == ["t2s"]


MARKS = ["[", "![", "**a ", "[a](", "[a](x", "<b><a ", "<b><!--", "<b><a b='", "<b></", "<b><?"]


@pytest.mark.parametrize("mark", MARKS)
def test_a_text_of_nothing_but_marks_takes_no_time(mark: str) -> None:
    begin = time.process_time()
    after("strip_markup", rows("<b>x</b>" + mark * (80_000 // len(mark))), markdown=True)
    assert time.process_time() - begin < 2


@pytest.mark.parametrize("mark", [".", "a@", "1-", "eyJ-", "password = ", "-----BEGIN PRIVATE KEY-----"])
def test_looking_for_secrets_takes_no_time(mark: str) -> None:
    begin = time.process_time()
    after("mask_private", rows(mark * (80_000 // len(mark))))
    assert time.process_time() - begin < 2


def test_labels_are_renamed_merged_and_made_even() -> None:
    given = [*rows("a", label="C++"), *rows("b", "c", label="積極"), *rows("d", label="积极"), *rows("e", label="C#")]
    assert {row["label"] for row in after("merge_variants", given)} == {"C++", "積極", "C#"}
    assert [row["label"] for row in after("rename_labels", given, names="C++ = cpp; C#＝cs")] == [
        "cpp",
        "積極",
        "積極",
        "积极",
        "cs",
    ]
    many = [*rows(*"abcdef", label="x"), *rows(*"gh", label="y"), *rows("held", label="y", split="test")]
    down, up = after("balance", many), after("balance", many, how="up")
    assert sorted(row["label"] for row in down if row["split"] == "train") == ["x", "x", "y", "y"]
    assert [row["label"] for row in up if row["split"] == "train"].count("y") == 6
    assert sum(row["split"] == "test" for row in up) == sum(row["split"] == "test" for row in down) == 1


def test_planted_label_errors_are_found_and_little_else() -> None:
    dice = random.Random(3)
    good, bad = (
        ["bright", "warm", "lovely", "calm", "kind", "fresh"],
        ["dull", "cold", "nasty", "loud", "rude", "stale"],
    )
    given = [rows(" ".join([*dice.choices(good if number % 2 else bad, k=6), str(number)]), label="good" if number % 2 else "bad")[0] for number in range(300)]  # fmt: skip
    planted = set(dice.sample(range(300), 12))
    noisy = [
        {**row, "label": {"good": "bad", "bad": "good"}[row["label"]]} if place in planted else row
        for place, row in enumerate(given)
    ]
    mended = after("label_errors", noisy, action="relabel")
    assert sum(row["label"] == true["label"] for row, true in zip(mended, given, strict=True)) >= 297
    kept = {row["text"] for row in after("label_errors", noisy)}
    assert sum(given[place]["text"] not in kept for place in planted) >= 9
    assert len(kept) >= 300 - len(planted) - 6


def test_listed_words_are_whole_words_in_letters_and_anywhere_in_chinese() -> None:
    given = rows("an ad here", "addition", "请关注公众号谢谢")
    assert [row["text"] for row in after("word_list", given, words="AD；关注公众号")] == ["addition"]
    masked = after("word_list", given, words="ad; 关注公众号", action="mask")
    assert [row["text"] for row in masked] == ["an *** here", "addition", "请***谢谢"]
    with pytest.raises(UserError, match="empty"):
        after("word_list", given)


def test_a_conflict_keeps_the_majority_or_none() -> None:
    three = [*rows("same", "Same!", label="a"), *rows("same", label="b")]
    assert [row["label"] for row in after("conflicting_labels", three)] == ["a", "a"]
    assert after("conflicting_labels", three[1:]) == []
    assert after("conflicting_labels", three, keep="none") == []


def test_held_out_rows_are_not_trained_on() -> None:
    said = "the quick brown fox jumps over the lazy dog today"
    given = [*rows(said, "another text altogether here"), *rows(said + "!", split="test")]
    assert [row["text"] for row in after("leakage", given)] == ["another text altogether here", said + "!"]
    with pytest.raises(UserError, match="split"):
        replay(given, View(["text"], {"text": "text"}), [{"kind": "leakage"}])


def test_lengths_and_languages_are_bounded() -> None:
    given = rows(
        "",
        "short",
        "a much longer text than the others",
        "这是一段中文文字 with words",
        "これは日本語の文章です",
        "12345",
    )
    assert [row["text"] for row in after("length_bounds", given, shortest=5, longest=10)] == ["short", "12345"]
    assert [row["text"] for row in after("language_filter", given, keep="zh")] == [
        "",
        "这是一段中文文字 with words",
        "12345",
    ]
    assert "short" in [row["text"] for row in after("language_filter", given, keep="latin")]


def test_tokens_are_bounded_by_the_tokenizer_that_is_named() -> None:
    given = rows(
        "no", "a good film", "这部电影很好看，值得再看一遍", "a much longer text about a film that nobody has seen"
    )
    tokenizer = Tokenizer.from_file(str(ASSETS / "models" / "lumo" / "tokenizer.json"))
    counts = [len(tokenizer.encode(row["text"]).ids) for row in given]
    assert counts == sorted(set(counts))
    step = {"kind": "token_bounds", "model": "lumo", "shortest": counts[1], "longest": counts[2]}
    kept, (effect,) = replay(given, VIEW, [step])
    assert kept == given[1:3]
    assert [example["reason"].zh for example in effect.examples] == [f"{counts[0]} 个词元", f"{counts[3]} 个词元"]
    assert effect.step["sha256"] == sha256(ASSETS / "models" / "lumo" / "tokenizer.json")


def test_a_replay_asks_for_the_same_tokenizer(workspace: Workspace, saved: Any, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(ASSETS / "models" / "lumo", folder)
    history = History(workspace, "films")
    step = history.step({"kind": "token_bounds", "model": str(folder), "shortest": 3}).step
    log = exchange.exported(history)
    history.undo()
    assert exchange.replayed(history, log, dry=True)["same"]
    code = frame._call("token_bounds", checked(step)[1])
    assert f"model={str(folder)!r}, shortest=3, sha256={step['sha256']!r}" in code
    (folder / "tokenizer.json").write_text((folder / "tokenizer.json").read_text() + "\n")
    (other,) = exchange.replayed(history, log, dry=True)["entries"]
    assert (other["ok"], "not the one here" in other["en"], "与本机的不同" in other["zh"]) == (False, True, True)
    shutil.rmtree(folder)
    (gone,) = clean.dry_run(saved, [step], workspace)
    assert (gone["ok"], "no such folder" in gone["en"]) == (False, True)


@pytest.mark.parametrize(
    ("model", "said"),
    [("", "whose tokenizer"), ("some/model", "not on this machine"), ("no such", "not a model"), ("/", "config.json")],
)
def test_a_model_that_cannot_count_is_told(workspace: Workspace, saved: Any, model: str, said: str) -> None:
    (told,) = clean.dry_run(saved, [{"kind": "token_bounds", "model": model}], workspace)
    assert said in told["en"]


SAID = {
    "en": ["The weather was fine and we walked along the river.", "I do not know what you would like to eat.", "This film is not as good as they say."],
    "fr": ["Le temps était beau et nous avons marché le long de la rivière.", "Je ne sais pas ce que vous voulez manger.", "C'est un très bon film avec une belle histoire."],
    "de": ["Das Wetter war schön und wir gingen am Fluss entlang.", "Ich weiß nicht, was Sie essen wollen.", "Der Film ist nicht so gut, wie alle sagen."],
    "es": ["El tiempo era bueno y caminamos por el río.", "No sé qué quieres comer hoy.", "Esta película es muy buena, pero el final no me gustó."],
    "pt": ["O tempo estava bom e nós caminhamos ao longo do rio.", "Eu não sei o que você quer comer.", "Este filme não é tão bom como dizem."],
    "it": ["Il tempo era bello e abbiamo camminato lungo il fiume.", "Non so che cosa vuoi mangiare.", "Questo film non è così bello come dicono, ma mi piace."],
    "nl": ["Het weer was mooi en we liepen langs de rivier.", "Ik weet niet wat je wilt eten.", "Deze film is niet zo goed als ze zeggen."],
    "id": ["Cuaca sangat baik dan kami berjalan di tepi sungai.", "Saya tidak tahu apa yang anda mau makan.", "Film ini tidak sebagus yang mereka katakan."],
    "tr": ["Hava çok güzeldi ve nehir boyunca yürüdük.", "Ne yemek istediğini bilmiyorum.", "Bu film söyledikleri kadar iyi değil."],
    "vi": ["Thời tiết rất đẹp và chúng tôi đi dọc theo sông.", "Tôi không biết bạn muốn ăn gì.", "Bộ phim này không hay như người ta nói."],
    "ru": ["Погода была хорошая, и мы гуляли вдоль реки.", "Я не знаю, что вы хотите есть.", "Этот фильм не так хорош, как они говорят."],
    "uk": ["Погода була гарна, і ми гуляли вздовж річки.", "Я не знаю, що ви хочете їсти.", "Цей фільм не такий добрий, як вони кажуть."],
}  # fmt: skip


@pytest.mark.parametrize("language", SAID)
def test_languages_of_one_script_are_told_apart(language: str) -> None:
    given = rows(*(said for each in SAID.values() for said in each), "Tokyo 2020", "12345", "这是一段中文")
    kept = [row["text"] for row in after("language_filter", given, keep=language)]
    assert kept == [*SAID[language], "Tokyo 2020", "12345"]


FOUND: dict[str, list[str]] = {
    "boilerplate": [
        "We use cookies to give you the best experience.", "A story.\nRead more »", "© Copyright (c) 2024 Example Ltd", "Don’t forget to subscribe!",
        "Follow us on Twitter", "ALL RIGHTS RESERVED.", "SKIP TO MAIN CONTENT", "本网站使用 Cookie 以改善体验", "版权所有，侵权必究", "未经授权,不得转载",
        "欢迎扫码关注", "请點擊閱讀原文", "正文。\n【相关阅读】", "（责任编辑：王五）", "沪ICP备12345号", "图文无关，侵删", "微信公众号： 某某", "新闻\n廣告\n新闻",
    ],
    "refusals": [
        "As an AI language model, I have no feelings.", "I’m just an AI, so no.", "I'm sorry, but I can't assist with that.", "As a large language model, I do not know.",
        "I do not have personal opinions.", "我是一个由 OpenAI 训练的模型", "作为 AI 语言模型，我没有感情。", "作为一个人工智能，我不会累。", "抱歉,我无法提供这些信息。",
        "作為一個人工智能語言模型，我不能", "很抱歉，我无法回答这个问题",
    ],
    "swearing": [
        "a damn fine film", "What a load of BULLSHIT!", "f*ck off", "motherfucker", "son of a  bitch", "他说fuck你", "what the fuck，真的", "这他妈的什么电影", "妈的，又坏了",
        "气死了！妈的", "你这个傻逼", "傻B吧你", "王八蛋", "滾蛋！", "你是個混蛋", "畜生都不如", "我操，这么贵", "卧槽！", "贱人一个", "去死吧",
    ],
}  # fmt: skip
INNOCENT: dict[str, list[str]] = {
    "boilerplate": [
        "I read more than ever.", "The cookies were delicious, accept all of them.", "He would follow us on foot.", "I subscribe to the theory that more is less.",
        "We share the view.", "I got back to top form.", "The copyright of songs is disputed.", "He likes to print a menu, search and report.", "我喜欢阅读原文小说",
        "用扫一扫地上的灰", "她是这本书的责任编辑", "病毒入侵删除了文件", "我用微信扫一扫付款", "这条广告很有趣", "相关阅读材料很多", "网站的版权意识", "请评论一下这部电影", "a = b\nprint()\n", "home = 1\nsearch;",
    ],
    "refusals": [
        "She works as an AI researcher.", "BERT is used as a language model here.", "I'm sorry, but I cannot stay for dinner.", "I must decline your invitation.",
        "I split my training data in two.", "GPT-3 was developed by OpenAI in 2020.", "I am an AI enthusiast.", "他作为人工智能专家出席", "我是人工智能专业的学生",
        "抱歉，我无法参加会议", "我们把 BERT 作为语言模型使用", "作为一个AI工程师，他很忙",
    ],
    "swearing": [
        "The people of Scunthorpe and Penistone", "a classic assassin passes the grass", "Essex, Sussex and Middlesex", "Dickens met Dick Cheney in a cockpit", "shiitake and matsushita",
        "The therapist assessed the analysis of a title", "a cocktail for the peacock", "scrap paper, crape and craps", "Matt Hancock and Alfred Hitchcock", "mishit the ball",
        "妈妈的味道", "我妈的手机", "我操作电脑，操心的人", "生物的复杂种类", "杂种优势和杂种水稻", "家畜生产", "海狗屁股", "混蛋白粉", "智障人士的教育", "走失的智障母亲", "十八岁的弱智女孩", "不分贵贱人人平等",
        "卧槽马将军", "逼近真相的第二逼近", "生日你妈妈来吗", "敵軍瘋狗逼近", "做体操你来吗", "打翻滚蛋花汤", "不要脸红", "傻比较一下", "我操碎了心",
    ],
}  # fmt: skip


@pytest.mark.parametrize("listed", FOUND)
def test_a_ready_made_list_finds_what_it_is_for_and_leaves_plain_speech_alone(listed: str) -> None:
    assert after("word_list", rows(*FOUND[listed]), listed=listed) == []
    assert after("word_list", rows(*INNOCENT[listed]), listed=listed) == rows(*INNOCENT[listed])
    assert after("word_list", rows("a film about nothing", "fine"), listed=listed, words="FILM") == rows("fine")


@pytest.mark.parametrize(
    ("action", "text", "wanted"),
    [
        ("sentence", "It rained. Click here to read on! We left.", "It rained. We left."),
        ("sentence", "今天下雨。“请扫码关注我们！”我们走了。", "今天下雨。我们走了。"),
        ("sentence", "News of today.\nRead more »\nIt was v1.2 of the thing.", "News of today.\nIt was v1.2 of the thing."),
        ("mask", "Click here, then rest", "***, then rest"),
        ("cut", "一篇文章（责任编辑：王五）", "一篇文章：王五）"),
    ],
)  # fmt: skip
def test_what_is_found_is_cut_out_or_masked(action: str, text: str, wanted: str) -> None:
    assert text_after("word_list", text, listed="boilerplate", action=action) == wanted


def test_a_row_of_nothing_but_listed_words_goes() -> None:
    assert after("word_list", rows("版权所有", "fine"), listed="boilerplate", action="cut") == rows("fine")


@pytest.mark.parametrize("listed", FOUND)
def test_every_entry_of_a_ready_made_list_is_found_by_it(listed: str) -> None:
    finder = word_list.finder_of("", listed)
    for entry in [*word_list.ready(listed, "phrases"), *word_list.ready(listed, "lines")]:
        assert finder.spans(entry.removeprefix("|")), entry
    assert [phrase for phrase in word_list.ready(listed, "innocent") if finder.spans(phrase)] == []


HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 900)]
WORDS = ["lamp", "sea", "stone", "rain", "boat", "sleep", "blue", "rope", "door", "light", "friend", "paper", "wind", "yellow", "bread", "market", "story", "river", "cloud", "green", "table", "window", "garden", "music", "water", "morning", "evening", "silver", "forest", "winter", "summer", "silent", "letter", "bridge", "candle", "pocket"]  # fmt: skip


@pytest.mark.parametrize("language", ["zh", "en"])
def test_planted_near_duplicates_are_found_in_both_languages(language: str) -> None:
    dice = random.Random(7)

    def text() -> str:
        return (
            "".join(dice.choices(HAN, k=90))
            if language == "zh"
            else " ".join(dice.choices(WORDS, k=30)) + str(dice.random())
        )

    def edited(said: str) -> str:
        parts = list(said) if language == "zh" else said.split(" ")
        for _ in range(3):
            parts[dice.randrange(len(parts))] = dice.choice(HAN) if language == "zh" else dice.choice(WORDS)
        return ("" if language == "zh" else " ").join(parts)

    base = [text() for _ in range(400)]
    twins = [edited(said) for said in base]
    alike = [nearby.jaccard(nearby.bare(a), nearby.bare(b)) >= 0.6 for a, b in zip(base, twins, strict=True)]
    assert sum(alike) > 200
    found = {place for group in nearby.groups([*base, *twins], 0.6) for place in group}
    recall = sum(place in found for place, near in enumerate(alike) if near) / sum(alike)
    assert recall >= 0.97
    kept = after("near_duplicates", rows(*base, *twins), threshold=0.6)
    assert len(kept) <= 800 - 0.97 * sum(alike)
    strangers = nearby.groups([text() for _ in range(400)], 0.6)
    assert strangers == []


def test_a_shared_template_hides_no_twin_and_costs_no_time() -> None:
    dice, begin = (
        random.Random(4),
        "Write a short note to a friend about the following words, be kind and do not forget to end: " * 2,
    )
    base = [begin + " ".join(dice.choices(WORDS, k=40)) + str(dice.random()) for _ in range(1500)]
    twins = [f"{said} {dice.choice(WORDS)}" for said in base[:300]]
    started = time.process_time()
    found = nearby.groups([*base, *twins], 0.95)
    assert time.process_time() - started < 4
    pairs = {(group[0], place) for group in found for place in group[1:]}
    assert sum((place, 1500 + place) in pairs for place in range(300)) >= 0.97 * 300


def test_a_pattern_that_would_never_end_is_stopped() -> None:
    with pytest.raises(UserError, match="pattern"):
        after("regex_replace", rows("a" * 40 + "!"), pattern=r"(a|aa)+$", replacement="")
    with pytest.raises(UserError, match="pattern"):
        after("regex_replace", rows("a"), pattern="(", replacement="")


BOMBS = ["(((a{999}){999}){999}){9}", "(((a{1,999}){999}){999}){9}", "(?x)((a #c\n{999} #d\n{999}){999})", "a" * 3000]


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_pattern_is_weighed_before_it_is_compiled(bomb: str) -> None:
    with pytest.raises(UserError, match="multiply") as caught:
        after("regex_replace", rows("a"), pattern=bomb)
    assert "相乘过大" in caught.value.text.zh
    with pytest.raises(UserError, match=r"multiply|write a formula"):
        after("expression", rows("a"), expression=f"matches(text, {bomb!r})")
    assert len(after("regex_replace", rows("12-34"), pattern=r"(\d{2}-){1,20}\p{N}{2}")) == 0


WRONG = [
    ("2 ** 3", "operator is not allowed", "不允许使用此运算符"),
    ("foo(1)", "unknown function foo", "未知的函数 foo"),
    ("nope + 1", "no column nope", "没有“nope”列"),
    ('"%9000000000d" % 1', "do not go together", "类型不符"),
    ('replace("a" * 90000, "", "b" * 90000)', "too long", "过长"),
    ('matches(text, "(a")', "at character 3", "缺少右括号"),
    ("1 / 0", "division by zero", "除数为零"),
    ("length(", "not written as a formula", "不是公式"),
]


@pytest.mark.parametrize(("formula", "en", "zh"), WRONG)
def test_what_is_wrong_with_a_formula_is_said_plainly(formula: str, en: str, zh: str) -> None:
    with pytest.raises(UserError, match=en) as caught:
        after("expression", rows("good"), expression=formula)
    assert zh in caught.value.text.zh
    assert "ast." not in caught.value.text.en


def test_a_number_that_is_none_is_nothing() -> None:
    assert after("expression", rows("a"), expression="number('nan')", into="size")[0]["size"] is None
    assert after("expression", rows("a"), expression="7 % 4", into="size")[0]["size"] == 3


def test_nan_is_no_json_when_it_is_exported(workspace: Workspace, tmp_path: Path) -> None:
    given = [{"text": "a", "size": float("nan")}, {"text": "b", "size": 1.5}]
    made = library.save(workspace, "sizes", Table(["text", "size"], given), {"text": "text"})
    lines = export(made, tmp_path / "a.jsonl").read_text().splitlines()
    assert [json.loads(line)["size"] for line in lines] == [None, 1.5]


@pytest.mark.parametrize(
    "step",
    [{"kind": "nothing"}, {"kind": "near_duplicates", "threshold": 9}, {"kind": "whitespace", "colour": 1}, {"kind": "whitespace", "columns": "nowhere"},
     {"kind": "rename_labels", "names": "a b"}, {"kind": "template"}],
    ids=str,
)  # fmt: skip
def test_a_wrong_step_is_one_sentence(step: dict[str, Any]) -> None:
    with pytest.raises(UserError) as caught:
        replay(rows("a"), VIEW, [step])
    assert caught.value.text.zh


@pytest.fixture
def saved(workspace: Workspace) -> Any:
    given = table()
    return library.save(workspace, "films", Table(["text", "label", "split"], given), dict(VIEW.roles))


def test_a_cleaned_version_says_how_it_was_made_and_the_old_one_stays(workspace: Workspace, saved: Any) -> None:
    made = clean.keep(workspace, clean.try_out(saved, [{"kind": "whitespace"}, {"kind": "exact_duplicates"}]))
    assert (made.name, made.version) == ("films", 2)
    assert [step["kind"] for step in made.meta["steps"]] == ["whitespace", "exact_duplicates"]
    assert made.meta["steps"][1]["dropped"] > 0
    assert made.meta["parent"] == {"name": "films", "version": 1, "sha256": saved.meta["sha256"]}
    assert library.find(workspace, "films", 1).rows() == saved.rows()
    again = clean.keep(workspace, clean.try_out(saved, clean.steps_of(made)), "films-again")
    assert again.meta["sha256"] == made.meta["sha256"]
    back = clean.go_back(workspace, "films", 1)
    assert (back.version, back.meta["sha256"]) == (3, saved.meta["sha256"])
    assert len(library.versions(workspace, "films")) == 3


def test_a_sample_is_cleaned_into_a_dataset_of_its_own(workspace: Workspace) -> None:
    made = clean.keep(workspace, clean.try_out(library.find(workspace, "sentiment-en"), [{"kind": "exact_duplicates"}]))
    assert made.name == "sentiment-en-clean"
    assert made.meta["roles"]["split"] == "split"


def test_nothing_is_saved_when_no_row_is_left(workspace: Workspace, saved: Any) -> None:
    with pytest.raises(UserError, match="no row is left"):
        clean.keep(workspace, clean.try_out(saved, [{"kind": "length_bounds", "shortest": 10_000}]))
    assert len(library.versions(workspace, "films")) == 1


def test_a_dry_run_goes_on_after_a_step_that_cannot_be_done(saved: Any) -> None:
    told = clean.dry_run(
        saved, [{"kind": "whitespace"}, {"kind": "whitespace", "columns": "gone"}, {"kind": "exact_duplicates"}]
    )
    assert [step["ok"] for step in told] == [True, False, True]
    assert "gone" in told[1]["en"]
    assert told[2]["dropped"] > 0


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"step": "whitespace"}]', "not json"])
def test_a_file_that_is_no_list_of_steps_is_one_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "steps.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match="steps"):
        clean.read_steps(path)


FORMULAS: list[tuple[str, Any]] = [
    ("length(text)", 4),
    ('upper(text) + "!"', "GOOD!"),
    ('"o" in text and not empty(label)', True),
    ('matches(text, "^g.*d$")', True),
    ("number(size) * 2 if size else 0", 14.0),
    ('col["text"]', "good"),
    ('replace(text, "o", "0")', "g00d"),
    ("min(length(text), 3)", 3),
]


@pytest.mark.parametrize(("formula", "value"), FORMULAS)
def test_a_formula_writes_its_value_or_keeps_rows(formula: str, value: Any) -> None:
    view = View(["text", "label", "size"], {"text": "text", "label": "label"})
    given = [{"text": "good", "label": "yes", "size": 7}]
    ((made,), (effect,)) = replay(given, view, [{"kind": "expression", "expression": formula, "into": "made"}])
    assert made["made"] == value
    assert effect.changed == 1
    (kept, _) = replay(given, view, [{"kind": "expression", "expression": f"({formula}) == ({value!r})"}])
    assert kept == given


HOSTILE = [
    "__import__('os').system('id')",
    "text.__class__",
    "text.upper()",
    "().__class__.__bases__[0].__subclasses__()",
    "open('/etc/passwd')",
    "eval('1')",
    "f'{text}'",
    "'{0.__class__}'.format(text)",
    "[x for x in [1] * 10000000]",
    "9 ** 9 ** 9",
    "'x' * 1000000000",
    "(lambda: 1)()",
    "text := 1",
    "matches('a' * 5000, '(a|aa)+$b')",
    "1 / 0",
    "unknown + 1",
    "length(",
    "import os",
    "x" * 3000,
    "",
]


@pytest.mark.parametrize("formula", HOSTILE)
def test_a_formula_can_do_nothing_else(formula: str) -> None:
    with pytest.raises(UserError, match="expression"):
        replay(rows("good"), VIEW, [{"kind": "expression", "expression": formula}])


def test_columns_are_split_and_combined_into_new_ones() -> None:
    given = [
        {"text": "a title | a body | more", "label": "x", "split": "train"},
        {"text": "alone", "label": "y", "split": "train"},
    ]
    steps = [
        {"kind": "split_column", "column": "text", "separator": "|", "into": "title, body"},
        {"kind": "template", "template": "{body} ({title})", "into": "both"},
    ]
    made, _ = replay(given, VIEW, steps)
    assert (made[0]["title"], made[0]["body"], made[0]["both"]) == (
        "a title",
        "a body | more",
        "a body | more (a title)",
    )
    assert (made[1]["title"], made[1]["body"]) == ("alone", None)
    with pytest.raises(UserError, match="no column"):
        replay(given, VIEW, steps[1:])
    with pytest.raises(UserError, match="into"):
        replay(given, VIEW, [{**steps[0], "into": "one"}])
