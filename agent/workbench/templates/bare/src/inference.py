"""Apply the model to the project in the task folder. The agent runs this script and reads its lines."""

import json
import shutil

from PIL import Image

from labels import bitmap_object
from model import Model, features_of
from task import MODEL, RESULTS, TASK, project_folder, read_json, say, say_applied, say_progress

SUFFIX = "_nn"  # of the predicted classes: the project has classes of the same name


def main():
    mode = read_json(TASK / "task_config.json").get("mode", {})
    if mode.get("name", "full_image") != "full_image":
        raise SystemExit(f"The mode is {mode['name']!r}; this plugin knows full_image alone.")
    wanted = mode.get("model_classes", {})
    suffix, kept = wanted.get("add_suffix", SUFFIX), wanted.get("save_classes", "__all__")

    trained = read_json(MODEL / "config.json")
    model = Model(len(trained["class_title_to_idx"])).load(MODEL / "model.json")
    titles = {number: title for title, number in trained["class_title_to_idx"].items()}
    titles = {number: title for number, title in titles.items() if kept == "__all__" or title in kept}
    say("Model is ready.", classes=list(titles.values()))

    folder = project_folder()
    meta = read_json(folder / "meta.json")
    meta["classes"] += [
        {**c, "title": c["title"] + suffix} for c in trained["classes"] if c["title"] in titles.values()
    ]
    out = RESULTS / folder.name
    out.mkdir(parents=True)
    (out / "meta.json").write_text(json.dumps(meta))
    paths = sorted(folder.glob("*/ann/*.json"))
    for at, ann_path in enumerate(paths, start=1):
        dataset, name = ann_path.parent.parent, ann_path.name.removesuffix(".json")
        image, ann = Image.open(dataset / "img" / name), read_json(ann_path)
        guess = model.scores(features_of(image)).argmax(axis=1).reshape(image.height, image.width)
        for number, title in titles.items():
            if (guess == number).any():
                ann["objects"].append(bitmap_object(guess == number, title + suffix))
        for part in ("img", "ann"):
            (out / dataset.name / part).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(dataset / "img" / name, out / dataset.name / "img" / name)
        (out / dataset.name / "ann" / ann_path.name).write_text(json.dumps(ann))
        say_progress("Model applying", at, len(paths))
    say_applied()


if __name__ == "__main__":
    main()
