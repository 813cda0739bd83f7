"""Ready-made work: a route with its recipes, a price and a promised turnaround."""
