-- KEYS: record, the call's own. ARGV: until when (ms), insert|update|remove, condition (exists|version|absent) and its value,
-- channel, message, how many unique columns and their names, how many values and name and value of each, then names to remove.
-- Replies what became of it, the version, and what the unique columns held before ('=' before a value, '' for none).
local time = redis.call('TIME')
if tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) > tonumber(ARGV[1]) then return {'late'} end
local version = redis.call('HGET', KEYS[1], 'version')
if ARGV[2] == 'insert' then
  if version then return {'exists', version} end
elseif not version then
  return {'missing'}
elseif ARGV[3] == 'version' and version ~= ARGV[4] or ARGV[3] == 'absent' and redis.call('HEXISTS', KEYS[1], ARGV[4]) == 1 then
  return {'conflict', version}
end
local place = 7
local function names(each)
  local count = tonumber(ARGV[place])
  local first = place + 1
  place = first + count * each
  return first, place - 1
end
local reply = {'done', string.format('%.0f', tonumber(version or '0') + 1)}
local first, last = names(1)
for at = first, last do
  local before = redis.call('HGET', KEYS[1], ARGV[at])
  reply[#reply + 1] = before and '=' .. before or ''
end
if ARGV[2] == 'remove' then
  redis.call('DEL', KEYS[1])
else
  first, last = names(2)
  for at = first, last, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
  for at = place, #ARGV do redis.call('HDEL', KEYS[1], ARGV[at]) end
  redis.call('HSET', KEYS[1], 'version', reply[2])
end
redis.call('PUBLISH', ARGV[5], ARGV[6])
return reply
