"""What Redis computes for several servers at once: Lua scripts, each of which Redis runs as a whole.

Time is Redis' own, so that the clocks of the servers do not matter. It may jump as well, since Redis has no monotonic clock:
what is stored allows for a clock that was set back, and nothing lasts longer for it. `clock` is for tests.
"""

# Sets `now`, in microseconds.
REDIS_CLOCK = "local time = redis.call('TIME'); local now = time[1] * 1000000 + time[2]"

_TAKE_PLACE = """
-- KEYS[1]: a sorted set, place -> when its lease ends. ARGV: place, limit, lease in microseconds. 1: taken; 0: none is free.
{clock}
local key, place, limit, ends = KEYS[1], ARGV[1], tonumber(ARGV[2]), now + tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))
for _, other in ipairs(redis.call('ZRANGEBYSCORE', key, string.format('(%.0f', ends), '+inf')) do
    redis.call('ZADD', key, string.format('%.0f', ends), other)
end
if not redis.call('ZSCORE', key, place) and redis.call('ZCARD', key) >= limit then
    return 0
end
redis.call('ZADD', key, string.format('%.0f', ends), place)
redis.call('PEXPIRE', key, math.ceil(ARGV[3] / 1000))
return 1
"""

_HOLD_PLACES = """
-- KEYS: sorted sets, as above. ARGV: lease in microseconds, then for each of KEYS a place that is held for so long.
-- One that is something else, because another program uses its name, keeps no other from being renewed.
-- ZADD comes first: after another write, a Redis whose memory is full would let it pass.
{clock}
local ends, refusal = string.format('%.0f', now + tonumber(ARGV[1])), nil
for index, key in ipairs(KEYS) do
    local added = redis.pcall('ZADD', key, ends, ARGV[index + 1])
    if type(added) == 'table' and added.err then
        refusal = added
    else
        redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))
        redis.call('PEXPIRE', key, math.ceil(ARGV[1] / 1000))
    end
end
return refusal or #KEYS
"""

_SPEND = """
-- KEYS[1]: a hash: how much is `owed`, `at` which moment. What is owed is paid by time. ARGV: cost, window; all in
-- microseconds. 0: taken; else how long until it may be. The rule is that of `rates.Rates`.
{clock}
local key, cost, window = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', key, 'owed', 'at')
local owed, at = tonumber(kept[1] or '0'), tonumber(kept[2] or '0')
if kept[2] then
    owed = math.max(0, owed - math.max(0, now - at))
end
local wait = owed + math.min(cost, window) - window
if wait <= 1 then
    owed, wait = owed + cost, 0
end
redis.call('HSET', key, 'owed', string.format('%.17g', owed), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', key, string.format('%.0f', math.ceil(owed / 1000) + 1))
return math.ceil(wait)
"""


def take_place(clock: str = REDIS_CLOCK) -> str:
    return _with(_TAKE_PLACE, clock)


def hold_places(clock: str = REDIS_CLOCK) -> str:
    return _with(_HOLD_PLACES, clock)


def spend(clock: str = REDIS_CLOCK) -> str:
    return _with(_SPEND, clock)


def _with(script: str, clock: str) -> str:
    return script.replace("{clock}", clock).strip()
