"""The operators' pages about payments and the messages that carry them out."""
