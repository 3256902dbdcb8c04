"""Many runs: a search over the parameters of a training, each trial a task.

`space` reads what may vary, `decisions` says what is to be done next (both pure), `search` is the door to Optuna,
`controller` carries the decisions out, and `overview` is a study as people see it.
"""
