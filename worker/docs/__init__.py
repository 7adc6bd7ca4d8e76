"""The documents, and what is generated into them."""
