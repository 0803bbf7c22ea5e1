-- KEYS: lock. ARGV: now, until, holder, backstop (all times in ms).
-- A fence is the microsecond of its making, or one more than the last: it grows also where the last one was lost.
local held = redis.call('HMGET', KEYS[1], 'holder', 'fence', 'until')
local holds = held[1] and held[1] ~= '' and tonumber(held[3]) > tonumber(ARGV[1])
if holds and held[1] ~= ARGV[3] then return false end
local fence = held[2]
if not holds then
  local time = redis.call('TIME')
  fence = math.max(tonumber(held[2] or '0') + 1, tonumber(time[1]) * 1000000 + tonumber(time[2]))
  fence = string.format('%.0f', fence)
end
redis.call('HSET', KEYS[1], 'holder', ARGV[3], 'fence', fence, 'until', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return fence
