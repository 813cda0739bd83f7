"""Dates and times as the product writes them: KST, 24 hours, the same in both languages."""
