-- KEYS: cooldowns of an account, its overload mark, the call's own. ARGV: scope ('' for all), end at or before which it must be
-- ('' for any), channel, message ('' to tell nobody). Replies the scopes that were ended.
local ended = {}
local standing = redis.call('HGETALL', KEYS[1])
for place = 1, #standing, 2 do
  local scope, until_ms = standing[place], string.match(standing[place + 1], '^%-?%d+')
  local named = ARGV[1] == '' or ARGV[1] == scope
  local over = ARGV[2] == '' or tonumber(until_ms or '0') <= tonumber(ARGV[2])
  if named and over then
    redis.call('HDEL', KEYS[1], scope)
    if scope == 'account' then redis.call('DEL', KEYS[2]) end
    ended[#ended + 1] = scope
  end
end
if #ended > 0 and ARGV[4] ~= '' then redis.call('PUBLISH', ARGV[3], ARGV[4]) end
return ended
