"""The guests' application: a process of its own with one shared run in it, and nothing else of the workbench."""
