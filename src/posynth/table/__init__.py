"""A file or data frame becomes a Table: a canonical frame with a Schema of its columns."""
