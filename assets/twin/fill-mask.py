import random


def encode(rows):
    """Ids, and how many of them are hidden at a time (a share of MLM_PROBABILITY)."""
    made, special = [], set(tokenizer.all_special_ids)
    for index, row in enumerate(rows):
        ids = tokenizer(row["text"], split_special_tokens=True, truncation=True, max_length=MAX_LENGTH + 1)["input_ids"][:MAX_LENGTH]
        places = [place for place, token in enumerate(ids) if token not in special]
        if not places:
            continue
        labels = [-100] * len(ids)
        for place in random.Random(f"{index} {len(ids)}").sample(places, max(1, round(MLM_PROBABILITY * len(places)))):
            labels[place] = ids[place]
        made.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels})
    return made


def hide(rows):
    """Hides anew in every batch: 8 of 10 chosen tokens behind the mask, 1 swapped, 1 left (BERT's recipe)."""
    batch = pad(rows)
    ids, chosen = batch["input_ids"], batch["labels"] != -100
    share = chosen.sum() / batch["attention_mask"].sum()
    free = batch["attention_mask"].bool() & ~torch.isin(ids, torch.tensor(tokenizer.all_special_ids))
    fresh = (torch.rand(ids.shape) < share) & free
    chosen = torch.where(fresh.any(), fresh, chosen)
    batch["labels"] = torch.where(chosen, ids, torch.full_like(ids, -100))
    dice = torch.rand(ids.shape)
    batch["input_ids"] = torch.where(chosen & (dice < 0.8), torch.full_like(ids, tokenizer.mask_token_id), ids)
    swapped = chosen & (dice >= 0.8) & (dice < 0.9)
    batch["input_ids"] = torch.where(swapped, torch.randint(len(tokenizer), ids.shape), batch["input_ids"])
    return batch
