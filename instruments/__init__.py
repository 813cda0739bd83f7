"""The machine side of the testbed: links, drivers, and a simulated fab to try them on.

Plain Python. It knows nothing of the site that uses it, and it is the only place where PyVISA
is imported.
"""
