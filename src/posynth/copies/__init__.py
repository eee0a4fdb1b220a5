"""Walking the chain: one posterior draw a copy and conditional, then rows; the copies and files."""
