-- KEYS: binding, the call's own. ARGV: account ('' for any), or end ('' for any) at or before which it must be. Replies whether
-- it was removed.
local binding = redis.call('HMGET', KEYS[1], 'account', 'until')
if not binding[1] then return 0 end
if ARGV[1] ~= '' and binding[1] ~= ARGV[1] then return 0 end
if ARGV[2] ~= '' and tonumber(binding[2]) > tonumber(ARGV[2]) then return 0 end
return redis.call('DEL', KEYS[1])
