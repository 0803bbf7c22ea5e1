-- KEYS: slots. ARGV: now, then ids to give back first.
for place = 2, #ARGV do redis.call('ZREM', KEYS[1], ARGV[place]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
return redis.call('ZCARD', KEYS[1])
