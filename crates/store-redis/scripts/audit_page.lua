-- KEYS: entries and order of a day. ARGV: the end behind the newest and the end at the oldest as ZRANGE takes them, how many.
-- Replies ids and documents in turn, the newest first.
local ids = redis.call('ZRANGE', KEYS[2], ARGV[1], ARGV[2], 'BYLEX', 'REV', 'LIMIT', 0, ARGV[3])
if #ids == 0 then return {} end
local kept, page = redis.call('HMGET', KEYS[1], unpack(ids)), {}
for place, id in ipairs(ids) do
  if kept[place] then
    page[#page + 1] = id
    page[#page + 1] = kept[place]
  end
end
return page
