"""How good predictions are: counts of images that add up, and the figures of their sums.

No store, no disk: annotations come in as JSON objects, figures go out as JSON objects.
"""

VERSION = 1  # of the figures: part of the address of a stored evaluation; raised where a figure changes its value
