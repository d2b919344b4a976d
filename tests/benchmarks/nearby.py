"""Near duplicates among 100,000 texts, half Chinese, half English: seconds of one core, and datasketch on a part of them, in one run.
Then 20,000 texts that begin with the same 140 characters, against as many without; and 2,000 of 6,000 characters.

python launch.py bench nearby
"""

from __future__ import annotations

import json
import random
import time

ROWS, PART, NEAR = 100_000, 4_000, 0.8
SHORT, LONG = (20_000, 35), (2_000, 920)
"""Rows, and words in each."""
HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 2500)]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def texts() -> list[str]:
    """Mean length 286 characters; every twentieth text is an earlier one with two edits."""
    dice = random.Random(5)
    words = ["".join(dice.choices(LETTERS, k=dice.randint(2, 9))) for _ in range(5000)]
    made: list[str] = []
    for number in range(ROWS):
        if number % 20 == 19:
            parts = list(dice.choice(made))
            for _ in range(2):
                parts[dice.randrange(len(parts))] = dice.choice(HAN)
            made.append("".join(parts))
        elif number % 2:
            made.append("".join(dice.choices(HAN, k=dice.randint(186, 386))))
        else:
            made.append(" ".join(dice.choices(words, k=dice.randint(30, 58))))
    return made


def templated(begin: str, rows: int, length: int) -> list[str]:
    """Texts of random words behind the same words; every twentieth is an earlier one with an edit."""
    dice = random.Random(6)
    words = ["".join(dice.choices(LETTERS, k=dice.randint(2, 9))) for _ in range(5000)]
    made: list[str] = []
    for number in range(rows):
        fresh = begin + " ".join(dice.choices(words, k=length))
        made.append(f"{dice.choice(made)} {words[number % 5000]}" if number % 20 == 19 else fresh)
    return made


def seconds(rows: list[str]) -> float:
    """Of one core."""
    from workbench.data.nearby import groups

    begin = time.process_time()
    groups(rows, NEAR)
    return time.process_time() - begin


def theirs(part: list[str]) -> float:
    """Seconds of datasketch's MinHash and LSH over the same n-grams."""
    from datasketch import MinHash, MinHashLSH

    from workbench.data.nearby import GRAM, bare

    begin, index = time.process_time(), MinHashLSH(threshold=NEAR, num_perm=128)
    for place, text in enumerate(part):
        plain = bare(text)
        signed = MinHash(num_perm=128)
        signed.update_batch([plain[start : start + GRAM].encode() for start in range(max(1, len(plain) - GRAM + 1))])
        index.query(signed)
        index.insert(place, signed)
    return time.process_time() - begin


def main() -> None:
    from workbench.data.nearby import groups

    rows = texts()
    begin = time.process_time()
    found = groups(rows, NEAR)
    whole = time.process_time() - begin
    head = " ".join(["you are asked to write about a thing you know well"] * 4)[:140] + " "
    same, plain = seconds(templated(head, *SHORT)), seconds(templated("", *SHORT))
    ratios = {
        "datasketch ÷ ours, seconds": round(theirs(rows[:PART]) / seconds(rows[:PART]), 2),
        "with a template ÷ without, seconds": round(same / plain, 2),
    }
    detail = {
        "rows": ROWS, "seconds_of_one_core": round(whole, 2), "groups": len(found), "planted": ROWS // 20,
        "seconds_with_a_template": round(same, 2), "seconds_of_long_texts": round(seconds(templated("", *LONG)), 2),
    }  # fmt: skip
    print(json.dumps({"name": "nearby", "ratios": ratios, "detail": detail}))


if __name__ == "__main__":
    main()
