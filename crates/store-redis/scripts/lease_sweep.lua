-- KEYS: slots, or places by expiry and by turn; the call's own. ARGV: now. Replies how many had expired, and how many are left.
local expired = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
for _, id in ipairs(expired) do
  for place = 1, #KEYS - 1 do redis.call('ZREM', KEYS[place], id) end
end
return {#expired, redis.call('ZCARD', KEYS[1])}
