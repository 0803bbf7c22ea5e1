-- KEYS: request, the call's own. ARGV: holder.
local kept = redis.call('HMGET', KEYS[1], 'holder', 'answer')
if kept[1] ~= ARGV[1] or kept[2] then return 0 end
redis.call('DEL', KEYS[1])
return 1
