-- KEYS: epoch. ARGV: number, instant. Replies the last number applied.
local before = redis.call('HGET', KEYS[1], 'number')
if before and tonumber(before) >= tonumber(ARGV[1]) then return before end
redis.call('HSET', KEYS[1], 'number', ARGV[1], 'at', ARGV[2])
return ARGV[1]
