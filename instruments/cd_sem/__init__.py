"""The CD-SEM: measures line widths."""
