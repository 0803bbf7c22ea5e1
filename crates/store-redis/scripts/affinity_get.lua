-- KEYS: binding. ARGV: now, until ('' when it is not renewed), backstop. Replies the account.
local binding = redis.call('HMGET', KEYS[1], 'account', 'until')
if not binding[1] or tonumber(binding[2]) <= tonumber(ARGV[1]) then return false end
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[1], 'until', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return binding[1]
