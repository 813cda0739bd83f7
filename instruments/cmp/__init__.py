"""The CMP: polishes films flat."""
