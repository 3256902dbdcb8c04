"""Images that a plugin asks to keep, and those that a training leaves: from `results/` into the artifacts."""
