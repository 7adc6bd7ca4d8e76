"""Which of the held commands come next: accounts in rounds, interactive before bulk."""
