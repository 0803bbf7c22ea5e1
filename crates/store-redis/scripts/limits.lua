-- What the scripts of the limits share. KEYS: open reservations by expiry, what each reserved, those that have expired by the end
-- of their last window, counters by the end of their window.
local function give_back(reservation)
  for _, charge in ipairs(reservation.charges) do
    -- A window that was forgotten stays so.
    if redis.call('EXISTS', charge[1]) == 1 then redis.call('HINCRBY', charge[1], 'used', negated(charge[2])) end
  end
end
-- Returns what reservations hold that have expired at `now`. They are remembered, so that a late settlement counts once.
local function expire(now)
  local expired = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
  for _, request in ipairs(expired) do
    local reservation = cjson.decode(redis.call('HGET', KEYS[2], request))
    give_back(reservation)
    reservation.returned = true
    redis.call('HSET', KEYS[2], request, cjson.encode(reservation))
    redis.call('ZREM', KEYS[1], request)
    redis.call('ZADD', KEYS[3], reservation.window_end, request)
  end
  return #expired
end
-- Adds to a counter; false when it holds no more.
local function add(counter, amount, window_end, backstop)
  local added = redis.pcall('HINCRBY', counter, 'used', amount)
  redis.call('ZADD', KEYS[4], window_end, counter)
  redis.call('PEXPIRE', counter, backstop)
  return type(added) == 'number'
end
-- Returns and forgets a reservation; says whether there was one.
local function cancel(request)
  local packed = redis.call('HGET', KEYS[2], request)
  if not packed then return false end
  local reservation = cjson.decode(packed)
  if not reservation.returned then give_back(reservation) end
  redis.call('HDEL', KEYS[2], request)
  redis.call('ZREM', KEYS[1], request)
  redis.call('ZREM', KEYS[3], request)
  return true
end
local function keep(backstop)
  for place = 1, 4 do
    if redis.call('PTTL', KEYS[place]) < tonumber(backstop) then redis.call('PEXPIRE', KEYS[place], backstop) end
  end
end
