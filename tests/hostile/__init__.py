"""What hostile peers send to either end, message by message and field by field."""
