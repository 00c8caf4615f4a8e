"""Commits that need not reach the disk before they are answered: claims, and starts of local work.

They say only who works on a message. If the server crashes before they are on disk, the message
is as it was before, at its old epoch, and the next claim gives the same epoch once more. Nobody
can have called a provider under it: that takes a start which is on disk, and everything that
committed before a start is on disk with it. What is left of the first claim is worth the same as
the second: one of them wins the start, and one of them completes the message with its effects.
"""

# A condition for a statement that is a transaction of its own.
UNHURRIED = "(SELECT set_config('synchronous_commit', 'off', true)) = 'off'"
