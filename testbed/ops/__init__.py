"""What keeps the product running: embedded servers, start-up, health, checks."""
