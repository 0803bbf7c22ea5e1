-- KEYS: schema. ARGV: a new store's id, the schema's version, now in ms.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'store_id', ARGV[1], 'version', ARGV[2], 'created_at', ARGV[3])
end
return redis.call('HGETALL', KEYS[1])
