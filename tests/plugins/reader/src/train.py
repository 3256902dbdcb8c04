"""Reads every image and every annotation of the project through the SDK, and says how many each dataset has."""

import os

import supervisely_lib as sly


def main():
    project = sly.read_single_project(sly.TaskPaths.DATA_DIR)
    read = {}
    for dataset in project:
        read[dataset.name] = 0
        for name in dataset:
            image, annotation = dataset.get_item_paths(name)
            size = sly.image.read(image).shape[:2]
            assert size == sly.Annotation.load_json_file(annotation, project.meta).img_size
            read[dataset.name] += 1
    sly.logger.info("read", extra={"images": read})
    folder = os.path.join(sly.TaskPaths.RESULTS_DIR, "00000000")
    os.makedirs(folder)
    sly.json.dump_json_file({"settings": {}, "classes": [], "class_title_to_idx": {}}, folder + "/config.json")
    sly.report_checkpoint_saved(0, "00000000", 1, True, {})


sly.main_wrapper("READER_TRAIN", main)
