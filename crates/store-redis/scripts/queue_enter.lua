-- KEYS: places by turn, places by expiry. ARGV: now, until, length, backstop, id, then ids to give back first.
local function leave(id)
  redis.call('ZREM', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
end
for place = 6, #ARGV do leave(ARGV[place]) end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1])) do leave(id) end
if not redis.call('ZSCORE', KEYS[1], ARGV[5]) then
  if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return -1 end
  local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
  redis.call('ZADD', KEYS[1], tonumber(last[2] or '0') + 1, ARGV[5])
end
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[5])
for place = 1, 2 do
  if redis.call('PTTL', KEYS[place]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[place], ARGV[4]) end
end
return redis.call('ZRANK', KEYS[1], ARGV[5])
