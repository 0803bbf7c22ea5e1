-- KEYS: as in limits.lua, then the counter. ARGV: now.
expire(ARGV[1])
return redis.call('HGET', KEYS[5], 'used') or '0'
