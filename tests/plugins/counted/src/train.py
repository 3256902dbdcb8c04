"""Counts to `lines`; after every `checkpoint_every` numbers it saves the number of the checkpoint.

With `continues` it counts on from the checkpoint that it is given.
"""

import json
import os

from count import CONFIG, RESULTS, TASK, count, say

first = 1
if CONFIG.get("continues"):
    with open(TASK + "/model/model.pt", "rb") as file:
        saved = file.read(8)
    if saved.isdigit():  # else it is no checkpoint of this plugin
        first += (int(saved) + 1) * CONFIG["checkpoint_every"]
for number in range(first, CONFIG["lines"] + 1):
    count(number)
    if number % CONFIG["checkpoint_every"] == 0:
        index = number // CONFIG["checkpoint_every"] - 1
        folder = f"{RESULTS}/{index:08d}"
        os.makedirs(folder)
        with open(folder + "/config.json", "w") as file:
            json.dump({"settings": CONFIG, "classes": [], "class_title_to_idx": {}}, file)
        with open(folder + "/model.pt", "wb") as file:
            file.write((b"%08d" % index) * CONFIG.get("checkpoint_eighths", 100))
        size = os.path.getsize(folder + "/model.pt")
        say("CHECKPOINT", "checkpoint", id=index, subdir=f"{index:08d}", sizeb=size, best_now=index == 0, optional=None)
