"""Telling people: what happened, by mail, at once or in a digest, in their own language."""
