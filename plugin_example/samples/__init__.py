"""Sample projects in Supervisely format, to try a plugin on: drawn fruit, photographed coins, an empty model."""
