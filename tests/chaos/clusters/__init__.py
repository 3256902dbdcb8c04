"""Chaos on real clusters: a seeded plan of acts against nodes, agents and servers, then an audit of every task.

`python -m tests.chaos --cluster kubernetes|slurm [--seconds 180] [--seed 1] [--away store=120,agent=600]`. `plan.py`
decides from the seed alone what is done; `judge.py` says of what was recorded whether it is as it should be. Both are
pure. `kubernetes.py` and `slurm.py` do the acts; `run.py` keeps tasks running meanwhile, and reports.
"""
