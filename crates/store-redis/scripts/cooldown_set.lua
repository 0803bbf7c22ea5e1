-- KEYS: cooldowns of an account, its overload mark. ARGV: scope, what was read of it ('' for nothing), what is to stand there,
-- end of an overload ('' for none), backstop, channel, message. Replies 0 when something else stands there by now.
local standing = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if standing == ARGV[3] then return 1 end
if standing ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[1], ARGV[5]) end
if ARGV[1] == 'account' then redis.call('DEL', KEYS[2]) end
if ARGV[4] ~= '' then redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[5]) end
redis.call('PUBLISH', ARGV[6], ARGV[7])
return 1
