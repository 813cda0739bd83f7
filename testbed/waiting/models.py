"""Waiting for time: the list whose head is offered what comes free, and the wish to be told."""
