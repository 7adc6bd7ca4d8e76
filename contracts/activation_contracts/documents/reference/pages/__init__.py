"""The pages of the reference, made of blocks."""
