-- KEYS: request, the call's own. ARGV: now, until, holder, answer, backstop (times in ms).
local kept = redis.call('HMGET', KEYS[1], 'until', 'holder', 'answer')
if not kept[1] or tonumber(kept[1]) <= tonumber(ARGV[1]) or kept[2] ~= ARGV[3] or kept[3] then return 0 end
redis.call('HSET', KEYS[1], 'until', ARGV[2], 'answer', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
