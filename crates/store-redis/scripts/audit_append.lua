-- KEYS: entries and order of a day. ARGV: id, "begun" or "ended", document.
-- An entry that has its outcome stays as it is.
local kept = redis.call('HGET', KEYS[1], ARGV[1])
if kept and string.sub(kept, 1, 1) == 'e' then return 1 end
redis.call('HSET', KEYS[1], ARGV[1], string.sub(ARGV[2], 1, 1) .. ARGV[3])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return 1
