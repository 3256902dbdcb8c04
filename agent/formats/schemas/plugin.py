"""Schemas of a plugin's files, of config.json of a model, and of a task's config."""

from __future__ import annotations

from typing import Any

from agent.formats.plugin_files import NEURAL_NETWORK, PRESET_TYPES, TYPES

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "pattern": r"\S"}  # with something to see

PLUGIN_INFO: Schema = {
    "title": "plugin_info.json",
    "type": "object",
    "required": ["title", "type"],
    "properties": {
        "title": {**_TEXT, "description": "The plugin's name in lists."},
        "description": {"type": ["string", "null"], "description": "A sentence below the title."},
        "type": {"enum": list(TYPES), "default": NEURAL_NETWORK, "description": "architecture: a neural network."},
    },
}

_RENAMED: Schema = {
    "type": "object",
    "properties": {
        "save_classes": {"description": '"__all__", or a list of titles.'},
        "save_names": {"description": '"__all__", or a list of names; it wins over save_classes.'},
        "add_suffix": {"type": "string", "description": "Distinguishes the predicted from the project's own."},
    },
}

TASK_CONFIG: Schema = {
    "title": "task_config.json",
    "description": "The config of a task. Each plugin has keys of its own: agent schema task_config --plugin FOLDER.",
    "type": "object",
    "properties": {
        "dataset_tags": {"type": "object", "description": "Purpose (train, val) → the tag that chooses its images."},
        "special_classes": {"type": "object", "description": "background and neutral → the titles of these classes."},
        "input_size": {"type": "object", "description": "width and height to which images are resized."},
        "epochs": {"description": "Passes over the images for training."},
        "val_every": {"description": "Epochs between two validations; each writes a checkpoint."},
        "weights_init_type": {
            "examples": ["transfer_learning", "continue_training"],
            "description": "continue_training keeps the classes and the last layer, transfer_learning does not.",
        },
        "model": {"description": "Of an inference: the section that the plugin reads."},
        "mode": {
            "description": "Of an inference: full_image, roi, bboxes, sliding_window, sliding_window_det.",
            "anyOf": [
                {"type": "object", "properties": {"model_classes": _RENAMED, "model_tags": _RENAMED}},
                True,  # a plugin may read what it likes
            ],
        },
    },
}

PRESETS: Schema = {
    "title": "predefined_run_configs.json",
    "type": "array",
    "items": {
        "type": "object",
        "required": ["title", "type", "config"],
        "properties": {
            "title": {"type": "string"},
            "type": {"enum": sorted({*PRESET_TYPES, *TYPES}), "examples": ["train", "inference"]},
            "config": {key: value for key, value in TASK_CONFIG.items() if key != "title"},
        },
    },
}

MODEL_CONFIG: Schema = {
    "title": "config.json",
    "description": "Beside the weights of a model. A plugin may add keys of its own.",
    "type": "object",
    "properties": {
        "settings": {"description": "The full config of the training."},
        "classes": {"description": "Classes of the model's output, as in meta.json."},
        "out_classes": {"description": "As classes; many plugins write this key."},
        "class_title_to_idx": {"description": "Class title → the model's integer id."},
        "classification_tags": {"description": "Of a classifier: its tags, as in meta.json."},
        "classification_tags_to_idx": {"description": "Of a classifier: tag → the model's integer id."},
    },
}
