"""One model per kind of tool: physics, states, limits and counters, written from its manual."""
