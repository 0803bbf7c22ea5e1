-- KEYS: marks of changes under way. ARGV: mark, life in ms. Replies until when the change may be made.
local time = redis.call('TIME')
local deadline = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(ARGV[2]))
redis.call('ZADD', KEYS[1], deadline, ARGV[1])
return deadline
