"""What a competent developer would write instead: one transaction for each message.

All peers promise: a command is decided once, however often it is delivered, under the locks of its
account and its number; no account exceeds its entitlement; a message is acknowledged after the
commit; events are persistent, confirmed, and returned if no queue takes them.

There are three variants. `one_commit` stores both events in one transaction; its handler publishes
them and deletes them from the outbox. `two_commits` commits and publishes PENDING before ACTIVE is
decided, as the worker promises; in the other variants nothing can happen between the two. In
`relay`, handlers only store, and the events of many commands are published and deleted together; it
is the fastest of the three.

The peers have no deactivation, PBX systems, deadlines, dead letters, failover, handling of messages
that the broker refuses, or metrics. Except in `relay`, events that a crash leaves unpublished would
need a sweep, which is left out and would cost nothing here.
"""
