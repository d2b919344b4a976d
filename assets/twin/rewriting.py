def ended(ids):
    """With the token that tells a model to stop."""
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    return ids if end is None else [*ids, end]


def prompt(text):
    """Ids of the prompt with its text, the text cut so that the end of the prompt stays."""
    before, _, after = PROMPT.partition("{text}")
    after = after or ("" if PAIRED else "\n")  # what tells a causal model that its turn has come
    tail = tokenizer(after, add_special_tokens=False, split_special_tokens=True)["input_ids"] if after else []
    ids = tokenizer(before + text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    whole = [*ids[: max(1, MAX_LENGTH - len(tail) - 1)], *tail]
    if PAIRED:
        return ended(whole)
    return [tokenizer.bos_token_id, *whole] if getattr(tokenizer, "add_bos_token", False) else whole


def encode(rows):
    """An encoder-decoder gets source and target; a causal model both in one line, and learns the target alone (-100: not learned)."""
    made = []
    for row in rows:
        target = tokenizer(text_target=row[TARGET], add_special_tokens=False, split_special_tokens=True)["input_ids"]
        target = ended(target[: MAX_TARGET_LENGTH - 1])
        source = prompt(row[SOURCE])
        ids = source if PAIRED else [*source, *target]
        labels = target if PAIRED else [*[-100] * len(source), *target]
        made.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels})
    return made
