"""Counts to `lines`; after every `checkpoint_every` numbers it saves the current number."""

import json
import os

from count import CONFIG, RESULTS, count, say

for number in range(1, CONFIG["lines"] + 1):
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
