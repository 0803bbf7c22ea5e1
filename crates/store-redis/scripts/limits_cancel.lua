-- KEYS: as in limits.lua. ARGV: request.
cancel(ARGV[1])
return 1
