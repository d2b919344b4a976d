"""The data room: files become tables, tables become versioned datasets, datasets become training rows."""
