"""The film tool: measures film and resist thickness."""
