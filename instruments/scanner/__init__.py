"""The scanner: exposes fields with a dose and a focus each."""
