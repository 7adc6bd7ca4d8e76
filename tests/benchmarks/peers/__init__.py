"""What a competent developer would write instead: each message in a transaction of its own.

All of them promise: a command is decided once, however often it is delivered, under the locks of
its account and its number; no account uses more than it bought; a message is acknowledged when what
follows is stored; events are persistent, confirmed, and returned where no queue takes them.

There are three ways. `one_commit` stores both events in one transaction; its handler publishes them
and deletes them from the outbox. `two_commits` promises, as the worker does, that PENDING is
committed and published before ACTIVE is decided; with the others nobody can act between the two. In
`relay` handlers only store, and the events of many commands are published and deleted together: it
is the fastest of the three, and no more one message after the other than the worker is.

None of them has what the worker has beside that: deactivation and PBX systems, deadlines, dead
letters, a second instance that takes over, messages that the broker refuses, metrics. But for
`relay`, what a crash leaves unsaid waits for a sweep that is left out, and costs nothing.
"""
