-- KEYS: last batches applied to a subject. ARGV: field and number of each epoch that has ended. What a subject is behind of stays.
local folded = 0
for at = 1, #ARGV, 2 do
  local number = redis.call('HGET', KEYS[1], ARGV[at])
  if number and tonumber(number) <= tonumber(ARGV[at + 1]) then folded = folded + redis.call('HDEL', KEYS[1], ARGV[at]) end
end
return folded
