"""The overlay tool: measures how far a layer lies off the one below."""
