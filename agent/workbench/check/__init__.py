"""`agent plugin check`: what is wrong with a plugin, before it is a task that fails.

The static half reads the folder, the dynamic half runs the plugin; both say `Finding`s.
"""
