"""The run of one task, from the claimed row to the recorded end. Start reading at `run_task.py`."""
