"""Left out: importing it says what to use instead."""

import supervisely_lib

supervisely_lib.__getattr__("worker_api")  # raises NotIncluded
