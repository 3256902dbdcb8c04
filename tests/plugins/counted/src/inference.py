"""Copies the project, counting meanwhile, and reports it once."""

import os
import shutil

from count import CONFIG, RESULTS, TASK, count, say

name = os.listdir(TASK + "/data")[0]
for number in range(1, CONFIG["lines"] // 2 + 1):
    count(number)
shutil.copytree(f"{TASK}/data/{name}", f"{RESULTS}/{name}")
say("MODEL_APPLIED", "model applied")
for number in range(CONFIG["lines"] // 2 + 1, CONFIG["lines"] + 1):
    count(number)
