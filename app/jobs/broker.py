"""Does the broker answer? Being away costs time, never a job: the service stays ready."""

TIMEOUT_SECONDS = 0.5


def answers(url: str) -> bool:
    """Tell whether the Redis at ``url`` answers a ping soon."""
    import redis  # noqa: PLC0415 costs 6 MB where there is none

    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=TIMEOUT_SECONDS, socket_timeout=TIMEOUT_SECONDS)
        return bool(client.ping())
    except redis.RedisError:
        return False
