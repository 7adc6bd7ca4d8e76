"""What a competent developer would write instead: one message, one transaction."""
