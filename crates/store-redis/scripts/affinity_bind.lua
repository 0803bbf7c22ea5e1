-- KEYS: binding. ARGV: now, until, backstop, account, expected account ('' for none), channel, message for a binding that moves.
-- Replies the account that it is bound to.
local binding = redis.call('HMGET', KEYS[1], 'account', 'until')
local bound = binding[1] and tonumber(binding[2]) > tonumber(ARGV[1])
if bound and binding[1] ~= ARGV[5] then return binding[1] end
redis.call('HSET', KEYS[1], 'account', ARGV[4], 'until', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if bound and binding[1] ~= ARGV[4] then redis.call('PUBLISH', ARGV[6], ARGV[7]) end
return ARGV[4]
