-- KEYS: as in limits.lua, then the call's own. ARGV: now. Replies how much was forgotten, and how much is left.
local forgotten = expire(ARGV[1])
for _, counter in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[1])) do
  redis.call('DEL', counter)
  redis.call('ZREM', KEYS[4], counter)
  forgotten = forgotten + 1
end
for _, request in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1])) do
  redis.call('HDEL', KEYS[2], request)
  redis.call('ZREM', KEYS[3], request)
end
return {forgotten, redis.call('HLEN', KEYS[2]) + redis.call('ZCARD', KEYS[4])}
