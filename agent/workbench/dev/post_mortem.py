"""Runs a plugin's program; an exception that ends it opens pdb in a terminal. It runs in the plugin's environment.

    post_mortem.py TERMINAL PROGRAM

The output of the plugin is not the terminal: the agent reads it. So pdb gets the terminal by its name.
"""

import os
import pdb
import runpy
import sys
import traceback


def main() -> int:
    terminal, program = sys.argv[1:3]
    sys.argv[:] = sys.argv[2:]
    sys.path[0] = os.path.dirname(program)  # noqa: PTH120 - as `python PROGRAM` sets it
    try:
        runpy.run_path(program, run_name="__main__")
    except Exception:  # noqa: BLE001 - whatever it is, its author wants to see it
        traceback.print_exc()
        sys.stderr.flush()
        with open(terminal, "r+b", buffering=0) as opened:  # noqa: PTH123 - a device
            reader = open(opened.fileno(), encoding="utf-8", closefd=False)  # noqa: SIM115
            writer = open(opened.fileno(), "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
            writer.write("\npdb: the exception that ended the run; q goes back\n")
            debugger = pdb.Pdb(stdin=reader, stdout=writer)
            debugger.use_rawinput = False
            debugger.reset()
            found = sys.exc_info()[2]
            while found is not None and found.tb_next is not None and found.tb_frame.f_code.co_filename == __file__:
                found = found.tb_next
            debugger.interaction(None, found)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
