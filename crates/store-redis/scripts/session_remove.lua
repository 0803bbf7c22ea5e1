-- KEYS: session of an administrator, of a user, the call's own. ARGV: subject ('' for any), end ('' for any) at or before which
-- it must be. Replies whether one was removed.
for place = 1, 2 do
  local session = redis.call('HMGET', KEYS[place], 'subject', 'expires_at')
  if session[1] and (ARGV[1] == '' or session[1] == ARGV[1])
    and (ARGV[2] == '' or tonumber(session[2]) <= tonumber(ARGV[2])) then
    redis.call('DEL', KEYS[place])
    return 1
  end
end
return 0
