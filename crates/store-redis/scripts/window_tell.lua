-- KEYS: windows of an account. ARGV: backstop, channel, message; then of each window name, when it was told, what is to stand there.
for place = 4, #ARGV, 3 do
  local standing = redis.call('HGET', KEYS[1], ARGV[place])
  if not standing or tonumber(string.match(standing, '^-?%d+')) <= tonumber(ARGV[place + 1]) then
    redis.call('HSET', KEYS[1], ARGV[place], ARGV[place + 2])
  end
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
