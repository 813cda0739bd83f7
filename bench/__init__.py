"""Measured figures, each beside a raw limit of this machine measured in the same run."""
