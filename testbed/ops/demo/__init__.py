"""The demo facility: twelve tools, two companies, the cast, signed recipes, one route."""
