-- KEYS: records by second, set of the seconds, the call's own. ARGV: how many. Replies how many were removed, and whether that was
-- all. A record begins with its length, four bytes, the least first.
local left, second_base = tonumber(ARGV[1]), tonumber(ARGV[2])
local removed = 0
while removed < left do
  local offset = redis.call('BITPOS', KEYS[2], 1)
  if offset < 0 then break end
  local second = string.format('%.0f', second_base + offset)
  local more = tonumber(redis.call('HGET', KEYS[1], second .. '#') or '0')
  local field = more == 0 and second or second .. '.' .. more
  local records = redis.call('HGET', KEYS[1], field) or ''
  local at = 1
  while removed < left and at + 3 <= #records do
    local a, b, c, d = string.byte(records, at, at + 3)
    at = at + 4 + a + b * 256 + c * 65536 + d * 16777216
    removed = removed + 1
  end
  if at <= #records then
    redis.call('HSET', KEYS[1], field, string.sub(records, at))
  else
    redis.call('HDEL', KEYS[1], field)
    if more > 0 then
      redis.call('HSET', KEYS[1], second .. '#', more - 1)
    else
      redis.call('HDEL', KEYS[1], second .. '#')
      redis.call('SETBIT', KEYS[2], offset, 0)
    end
  end
end
return {removed, redis.call('BITPOS', KEYS[2], 1) < 0 and 1 or 0}
