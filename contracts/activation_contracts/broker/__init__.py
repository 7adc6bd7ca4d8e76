"""The connection to a broker, for the programs of this package that use one.

It needs the extra `broker` (aio-pika). Nothing else in the contracts does.
"""
