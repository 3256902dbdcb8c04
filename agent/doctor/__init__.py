"""What a task needs, looked at before it fails: facts are gathered (`look.py`), judged (`checks.py`, pure) and told.

`bundle.py` packs the same together with everything about one task, for a bug report; `secrets.py` keeps out of
it what is nobody's business.
"""
