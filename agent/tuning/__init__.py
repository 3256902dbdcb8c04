"""Many runs: a search over the parameters of a training, each trial a task.

`space` is what may vary, `decisions` says what is to be done next (both pure), `search` is the door to Optuna,
`controller` carries the decisions out, `control` says which process does, and `overview` is a study as people see it.
"""
