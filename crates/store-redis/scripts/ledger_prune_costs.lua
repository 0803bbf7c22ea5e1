-- KEYS: costs of a key, the call's own. ARGV: spans. Replies how many were removed.
local removed = 0
for _, span in ipairs(ARGV) do
  if redis.call('HDEL', KEYS[1], span, span .. '/rated') > 0 then removed = removed + 1 end
end
return removed
