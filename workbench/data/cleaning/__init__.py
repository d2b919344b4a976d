"""A file per cleaning step. Siblings never import one another; what they share is in workbench.data."""
