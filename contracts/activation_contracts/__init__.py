"""The messages between the telephony platform and the activation worker.

Each message, exchange, queue and refusal is declared here once. Schemas, the AsyncAPI document,
the broker's topology and the tables in the documentation are generated from these declarations.
The package depends on pydantic only, so that every team can install it.
"""
