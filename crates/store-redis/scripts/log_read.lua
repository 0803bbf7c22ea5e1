-- KEYS: sequence, marks of changes under way, changes by family. ARGV: after which number, how many, how long ago (ms) a mark must
-- have ended to be resolved, how many at once, which family to read (its place from 1; 0 for all), then the families' names.
-- Replies place of the family, id and number, flat. A change whose writer is gone may have been made: it gets a number.
local time, families = redis.call('TIME'), {}
for place = 6, #ARGV do families[ARGV[place]] = place - 3 end
local ended = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) - tonumber(ARGV[3])
for _, mark in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ended, 'LIMIT', 0, ARGV[4])) do
  local family, id = string.match(mark, '^([^|]*)|([^|]*)|')
  local changes = families[family]
  if changes then redis.call('ZADD', KEYS[changes], redis.call('INCR', KEYS[1]), id) end
  redis.call('ZREM', KEYS[2], mark)
end
local found = {}
for place = 3, #KEYS do
  if ARGV[5] == '0' or tonumber(ARGV[5]) == place - 2 then
    local changes = redis.call('ZRANGEBYSCORE', KEYS[place], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
    for entry = 1, #changes, 2 do
      found[#found + 1] = tostring(place - 2)
      found[#found + 1] = changes[entry]
      found[#found + 1] = changes[entry + 1]
    end
  end
end
return found
