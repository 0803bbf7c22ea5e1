-- KEYS: sequence, marks of changes under way, changes of the family. ARGV: mark, id ('' when nothing was changed), channel, notice.
redis.call('ZREM', KEYS[2], ARGV[1])
if ARGV[2] == '' then return 1 end
redis.call('ZADD', KEYS[3], redis.call('INCR', KEYS[1]), ARGV[2])
-- Once more: who heard that the record was written and read a list at once did not find the change in it yet.
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
