-- KEYS: sums by group, members of the subject ordered by name (or the sums again), places of its records (or the sums again), the
-- call's own. ARGV: how many groups, the member. Replies how many were removed, and how many are left.
local fields, groups, removed = redis.call('HKEYS', KEYS[1]), {}, 0
for _, field in ipairs(fields) do
  local group = string.match(field, '^attempts(.*)$')
  if group then groups[#groups + 1] = group end
end
table.sort(groups)
for at = 1, math.min(#groups, tonumber(ARGV[1])) do
  for _, field in ipairs(fields) do
    if string.match(field, '^[^/]*(.*)$') == groups[at] then redis.call('HDEL', KEYS[1], field) end
  end
  removed = removed + 1
end
if removed == #groups then
  redis.call('DEL', KEYS[1])
  if KEYS[2] ~= KEYS[1] then redis.call('ZREM', KEYS[2], ARGV[2]) end
  if KEYS[3] ~= KEYS[1] then redis.call('DEL', KEYS[3]) end
end
return {removed, #groups - removed}
