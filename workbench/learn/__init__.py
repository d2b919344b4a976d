"""A file per lab. What begins with an underscore is no lab: the process that computes, and what is read from the workspace."""
