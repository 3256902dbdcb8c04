"""Train the model on the project in the task folder. The agent runs this script and reads its lines."""

import json

import numpy as np
from PIL import Image

from labels import class_ids_of
from model import Model, features_of
from task import MODEL, RESULTS, TASK, project_folder, read_json, say, say_checkpoint, say_metrics, say_progress

DEFAULTS = {
    "epochs": 6,
    "val_every": 2,  # epochs between two checkpoints
    "lr": 2.0,
    "pixels": 1000,  # of each image, in each epoch
    "seed": 0,
    "weights_init_type": "transfer_learning",  # continue_training goes on with the weights of the model
}


def main():
    config = {**DEFAULTS, **read_json(TASK / "task_config.json")}
    say("Config", config=config)
    folder = project_folder()
    meta = read_json(folder / "meta.json")
    classes = [{"title": "background", "shape": "bitmap", "color": "#222222"}]
    classes += [{**c, "shape": "bitmap"} for c in meta["classes"] if c["title"] != "background"]
    ids = {c["title"]: number for number, c in enumerate(classes)}
    model = Model(len(classes))
    if config["weights_init_type"] == "continue_training":
        ids = read_json(MODEL / "config.json")["class_title_to_idx"]
        model.load(MODEL / "model.json")

    samples = {"train": [], "val": []}
    for ann_path in sorted(folder.glob("*/ann/*.json")):
        ann = read_json(ann_path)
        image = Image.open(ann_path.parent.parent / "img" / ann_path.name.removesuffix(".json"))
        for purpose in {tag if isinstance(tag, str) else tag["name"] for tag in ann["tags"]} & set(samples):
            samples[purpose].append((features_of(image), class_ids_of(ann, ids).reshape(-1)))
    for purpose, found in samples.items():
        if not found:
            raise SystemExit(f"No image has the tag {purpose}.")

    rng = np.random.default_rng(config["seed"])
    best, number, steps = None, 0, config["epochs"] * len(samples["train"])
    for epoch in range(config["epochs"]):
        for at, index in enumerate(rng.permutation(len(samples["train"])), start=1):
            features, wanted = samples["train"][index]
            chosen = rng.choice(len(wanted), min(config["pixels"], len(wanted)), replace=False)
            loss = model.step(features[chosen], wanted[chosen], config["lr"])
            say_progress("Model training", epoch * len(samples["train"]) + at, steps)
            say_metrics("train", epoch + at / len(samples["train"]), {"loss": loss})
        if (epoch + 1) % config["val_every"] == 0 or epoch + 1 == config["epochs"]:
            metrics = validated(model, samples["val"])
            say_metrics("val", epoch + 1, metrics)
            place = RESULTS / f"{number:08}"
            place.mkdir(parents=True)
            model.save(place / "model.json")
            out = {"settings": config, "classes": classes, "class_title_to_idx": ids}
            (place / "config.json").write_text(json.dumps(out))
            say_checkpoint(number, is_best=best is None or metrics["accuracy"] > best)
            best, number = max(best or 0, metrics["accuracy"]), number + 1


def validated(model, samples):
    """The mean loss and the share of right pixels."""
    losses = [model.loss(features, wanted) for features, wanted in samples]
    right = [float((model.scores(features).argmax(axis=1) == wanted).mean()) for features, wanted in samples]
    return {"loss": sum(losses) / len(losses), "accuracy": sum(right) / len(right)}


if __name__ == "__main__":
    main()
