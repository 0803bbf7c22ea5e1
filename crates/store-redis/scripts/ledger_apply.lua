-- One subject's part of a batch. KEYS: last batches applied to the subject, then what the part changes. ARGV: field of the epoch,
-- number of the batch, then operations, each a name, the place of its key from 1, and what it takes:
--   sum     how many, then field and amount of each
--   latest  field and instant
--   member  member of a set that is ordered by name
--   place   three bytes, most of a string's length
--   record  place of the set of seconds, second, its place in that set, records, most bytes of a field
-- Replies how many epochs are remembered. A batch that was applied is passed over.
local before = redis.call('HGET', KEYS[1], ARGV[1])
if before and tonumber(before) >= tonumber(ARGV[2]) then return redis.call('HLEN', KEYS[1]) end
local place = 3
local function take(count)
  place = place + count
  return place - count
end
local operations = {}
function operations.sum(key)
  local count = tonumber(ARGV[take(1)])
  for at = place, place + 2 * count - 1, 2 do redis.call('HINCRBY', key, ARGV[at], ARGV[at + 1]) end
  take(2 * count)
end
function operations.latest(key)
  local at = take(2)
  local known = redis.call('HGET', key, ARGV[at])
  if not known or less(known, ARGV[at + 1]) then redis.call('HSET', key, ARGV[at], ARGV[at + 1]) end
end
function operations.member(key)
  redis.call('ZADD', key, 0, ARGV[take(1)])
end
function operations.place(key)
  local at = take(2)
  if redis.call('STRLEN', key) < tonumber(ARGV[at + 1]) then redis.call('APPEND', key, ARGV[at]) end
end
-- A second's records stand in one field; where that is full, in further ones, whose number stands beside it.
function operations.record(key)
  local at = take(5)
  local second, records = ARGV[at + 1], ARGV[at + 3]
  redis.call('SETBIT', KEYS[1 + tonumber(ARGV[at])], ARGV[at + 2], 1)
  local more = tonumber(redis.call('HGET', key, second .. '#') or '0')
  local field = more == 0 and second or second .. '.' .. more
  local length = redis.call('HSTRLEN', key, field)
  if length > 0 and length + #records > tonumber(ARGV[at + 4]) then
    redis.call('HSET', key, second .. '#', more + 1, second .. '.' .. more + 1, records)
  else
    redis.call('HSET', key, field, (length > 0 and redis.call('HGET', key, field) or '') .. records)
  end
end
while place <= #ARGV do
  local at = take(2)
  operations[ARGV[at]](KEYS[1 + tonumber(ARGV[at + 1])])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('HLEN', KEYS[1])
