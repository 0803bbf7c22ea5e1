-- KEYS: request. ARGV: now, until, holder, request, backstop (times in ms).
-- Replies nothing where the claim holds; else what the holder said, and the answer if there is one.
local kept = redis.call('HMGET', KEYS[1], 'until', 'holder', 'request', 'answer')
local lives = kept[1] and tonumber(kept[1]) > tonumber(ARGV[1])
if lives and (kept[4] or kept[2] ~= ARGV[3]) then
  if kept[4] then return {kept[3], kept[4]} end
  return {kept[3]}
end
redis.call('HDEL', KEYS[1], 'answer')
redis.call('HSET', KEYS[1], 'until', ARGV[2], 'holder', ARGV[3], 'request', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {}
