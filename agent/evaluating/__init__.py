"""Computes evaluations: who computes one, the processes that count, and the run over its parts."""
