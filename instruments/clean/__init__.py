"""The wet clean: takes particles and resist off wafers."""
