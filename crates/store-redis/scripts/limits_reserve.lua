-- KEYS: as in limits.lua, then the counters. ARGV: now, request, expiry, backstop, then amount, ceiling and window's end of each.
-- Replies 0 when granted, else the place of the counter without room, and what it holds.
local now = ARGV[1]
expire(now)
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 then return {0, '0'} end
local reservation = {charges = {}, window_end = now}
for place = 5, #KEYS do
  local counter, first = KEYS[place], 5 + (place - 5) * 3
  local amount, ceiling, window_end = ARGV[first], ARGV[first + 1], ARGV[first + 2]
  local used = redis.call('HGET', counter, 'used') or '0'
  local added = add(counter, amount, window_end, ARGV[4])
  if added then reservation.charges[#reservation.charges + 1] = {counter, amount} end
  local over = tonumber(now) >= tonumber(window_end)
  local holds = over and amount or redis.call('HGET', counter, 'used')
  if not added or less(ceiling, holds) then
    give_back(reservation)
    return {place - 4, over and '0' or used}
  end
  if tonumber(window_end) > tonumber(reservation.window_end) then reservation.window_end = window_end end
end
redis.call('HSET', KEYS[2], ARGV[2], cjson.encode(reservation))
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[2])
keep(ARGV[4])
return {0, '0'}
