"""What a competent developer would write instead: each message in transactions of its own.

All of them promise: a command is decided once, however often it is delivered, under the locks of
its account and its number; no account uses more than it bought; a message is acknowledged when what
follows is stored; events are persistent, confirmed, and returned where no queue takes them.

With two commits they also promise, as the worker does, that PENDING is committed and published
before ACTIVE is decided. With one commit they do not: both events are stored in one transaction,
and a relay publishes them later, many at a time; nobody can act between the two.

None of them has what the worker has beside that: deactivation and PBX systems, deadlines, dead
letters, a second instance that takes over, messages that the broker refuses, metrics. With two
commits, what a crash leaves between them waits for a sweep that is left out, and costs nothing.
"""
