-- KEYS: slots. ARGV: now, until, ceiling, backstop, id, then ids to give back first.
for place = 6, #ARGV do redis.call('ZREM', KEYS[1], ARGV[place]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
local held = redis.call('ZCARD', KEYS[1])
if held >= tonumber(ARGV[3]) and not redis.call('ZSCORE', KEYS[1], ARGV[5]) then return held end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[5])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return -1
