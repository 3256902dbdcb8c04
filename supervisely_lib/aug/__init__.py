"""Left out: importing it says what to use instead."""

import supervisely_lib

supervisely_lib.__getattr__("aug")  # raises NotIncluded
