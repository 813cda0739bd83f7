"""One carrier, several companies: empty slots opened to others, the cost split by wafer."""
