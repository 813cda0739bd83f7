"""The track: coats wafers with resist, bakes and develops them."""
