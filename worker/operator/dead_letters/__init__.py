"""Dead letters: listed, shown, replayed and discarded."""
