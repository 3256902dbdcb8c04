"""A container's output: bytes → lines → events. Pure, total: no bytes make anything here raise."""
