"""Where a run can be taken to: one file per target (see workbench.engine.target)."""
