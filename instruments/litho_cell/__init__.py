"""The litho cell: track and scanner as one, from coat to develop."""
