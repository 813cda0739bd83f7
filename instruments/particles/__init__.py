"""The particle inspector: counts and sizes what should not lie on a wafer."""
