-- KEYS: index entry. ARGV: token, what becomes of the claim: confirm, restore or remove.
local id, token, _, before = string.match(redis.call('GET', KEYS[1]) or '', '^([^|]*)|([^|]*)|([^|]*)|(.*)$')
if token ~= ARGV[1] then return 0 end
local entry = ARGV[2] == 'confirm' and id or ARGV[2] == 'restore' and before or ''
if entry == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], entry) end
return 1
