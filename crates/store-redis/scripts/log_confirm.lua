-- KEYS: sequence, marks of changes under way, changes of the family. ARGV: mark, id ('' when nothing was changed).
if ARGV[2] ~= '' then redis.call('ZADD', KEYS[3], redis.call('INCR', KEYS[1]), ARGV[2]) end
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
