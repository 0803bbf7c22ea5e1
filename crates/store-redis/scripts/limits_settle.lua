-- KEYS: as in limits.lua, then the counters. ARGV: now, request, backstop, then amount and window's end of each.
if not cancel(ARGV[2]) then return 0 end
for place = 5, #KEYS do
  local first = 4 + (place - 5) * 2
  if tonumber(ARGV[1]) < tonumber(ARGV[first + 1]) then
    if not add(KEYS[place], ARGV[first], ARGV[first + 1], ARGV[3]) then
      redis.call('HSET', KEYS[place], 'used', '9223372036854775807')
    end
  end
end
keep(ARGV[3])
return 1
