"""What is generated from the messages, for people and for other languages.

JSON Schemas, the AsyncAPI document, the reference, and the tables in the documents; `export` writes
the files that the package brings in `exported`.
"""
