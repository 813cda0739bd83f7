"""The CVD: lays films on wafers."""
