"""The ways out: whatever the service asks of other systems."""
