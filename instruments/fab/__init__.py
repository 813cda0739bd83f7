"""A simulated fab: real sockets, real protocols, physics that can be measured, and faults.

`python -m instruments.fab --config fab.json` starts it as a process of its own.
"""
