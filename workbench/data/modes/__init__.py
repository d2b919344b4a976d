"""A file per way to label by hand."""
