"""What is finished after the answer: jobs from the outbox, the same handlers on threads and on Celery workers.

The database is the queue of record. A wake-up, by event within a process or by a Celery message, carries a row's id
and nothing else; losing it costs latency. See docs/decisions/0004-decide-in-the-request.md.
"""
