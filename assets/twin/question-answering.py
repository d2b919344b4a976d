def windows(row):
    """Overlapping windows of question and text; for every position the characters of the text it stands for."""
    ids = tokenizer(row["question"], add_special_tokens=False, split_special_tokens=True)["input_ids"]
    half = MAX_LENGTH // 2
    asked = row["question"] if len(ids) <= half else tokenizer.decode(ids[:half])
    room = MAX_LENGTH - min(len(ids), half) - 4
    made = tokenizer(
        asked, row["context"], truncation="only_second", max_length=MAX_LENGTH, return_offsets_mapping=True,
        return_overflowing_tokens=True, split_special_tokens=True, stride=max(0, min(DOC_STRIDE, room // 2)),
    )
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in made]
    for number, offsets in enumerate(made["offset_mapping"]):
        places = [place if part == 1 else None for place, part in zip(offsets, made.sequence_ids(number))]
        yield {name: made[name][number] for name in names}, places


def span(places, answers):
    """First and last position of the answer; (0, 0) where the window does not hold it whole."""
    if not answers:
        return 0, 0
    start, end = answers[0]["start"], answers[0]["start"] + len(answers[0]["text"])
    inside = [i for i, place in enumerate(places) if place and place[0] < end and place[1] > start]
    if not inside or places[inside[0]][0] > start or places[inside[-1]][1] < end:
        return 0, 0
    return inside[0], inside[-1]


def encode(rows):
    """Every window is a row to learn from."""
    made = []
    for row in rows:
        for inputs, places in windows(row):
            start, end = span(places, row["answers"])
            made.append({**inputs, "start_positions": start, "end_positions": end})
    return made
