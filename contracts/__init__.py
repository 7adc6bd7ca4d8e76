"""What the telephony platform may say to the activation worker, and what it answers.

Every message, exchange, queue and refusal is declared here once; schemas, the AsyncAPI document,
the broker's topology and the tables in the documentation derive from it. The package needs
pydantic and nothing else, so that any team can install it on its own.
"""
