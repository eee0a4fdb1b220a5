"""What the copies are good for: inference, utility and disclosure, each returning Results."""
