def pairs(rows):
    """KTO judges every answer by itself."""
    said = lambda text: [{"role": "assistant", "content": text}]
    return [
        {"prompt": row["prompt"], "completion": said(row[side]), "label": side == "chosen"}
        for row in rows
        for side in ("chosen", "rejected")
    ]
