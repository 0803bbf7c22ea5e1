-- KEYS: index entry. ARGV: id, token, life of the claim in ms, an entry that may be taken over ('' for none).
-- An entry is a bare id, or a claim: id|token|until|id before. Replies claimed, busy, or taken and the entry.
local time, entry = redis.call('TIME'), redis.call('GET', KEYS[1]) or ''
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local holder, token, deadline = string.match(entry, '^([^|]*)|([^|]*)|([^|]*)|')
if token == ARGV[2] then return {'claimed', entry} end
if token and tonumber(deadline) > now then return {'busy', entry} end
holder = holder or entry
if holder ~= '' and holder ~= ARGV[1] and entry ~= ARGV[4] then return {'taken', entry} end
local before = holder == ARGV[1] and holder or ''
local claim = ARGV[1] .. '|' .. ARGV[2] .. '|' .. string.format('%.0f', now + tonumber(ARGV[3])) .. '|' .. before
redis.call('SET', KEYS[1], claim)
return {'claimed', claim}
