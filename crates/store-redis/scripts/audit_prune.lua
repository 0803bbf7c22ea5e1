-- KEYS: entries and order of a day, the call's own. ARGV: the id before which all go, how many.
-- Replies how many went, and how many are left.
local ids = redis.call('ZRANGE', KEYS[2], '-', '(' .. ARGV[1], 'BYLEX', 'LIMIT', 0, ARGV[2])
if #ids > 0 then
  redis.call('HDEL', KEYS[1], unpack(ids))
  redis.call('ZREM', KEYS[2], unpack(ids))
end
return {#ids, redis.call('ZCARD', KEYS[2])}
