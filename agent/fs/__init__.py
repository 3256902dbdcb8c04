"""Files, folders and names on this machine's disks."""
