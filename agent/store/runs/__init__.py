"""The table of runs: tasks compared by what they were given and what they measured.

`keys` are names of columns and `expression` has conditions over them, both pure; `operands` and `conditions` say them
in SQL; `table` reads rows, `groups` and `inventory` read sums. The store's `runs` is the way in.
"""
