def pairs(rows):
    """TRL's form: a conversation, and the better and the worse answer to it."""
    said = lambda text: [{"role": "assistant", "content": text}]
    return [{"prompt": row["prompt"], "chosen": said(row["chosen"]), "rejected": said(row["rejected"])} for row in rows]
