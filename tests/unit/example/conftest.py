"""The plugin's modules are imported as the plugin imports them: from its `src`, by bare name."""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "plugin_example" / "src")]
