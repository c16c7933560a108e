-- Make a definition the current version of a name; returns the version, or 0 if it is not kept.
-- KEYS[1] the definition  [2] its signatures  [3] the name's versions  [4] all names
-- ARGV[1] name  [2] hash  [3] the time
if redis.call('PERSIST', KEYS[1]) == 0 and redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('PERSIST', KEYS[2])
local version = redis.call('HGET', KEYS[3], 'version of ' .. ARGV[2])
if not version then
  version = redis.call('HINCRBY', KEYS[3], 'newest', 1)
  redis.call('HSET', KEYS[3], 'version of ' .. ARGV[2], version, version, ARGV[3] .. ' ' .. ARGV[2])
end
redis.call('HSET', KEYS[3], 'current', version)
redis.call('SADD', KEYS[4], ARGV[1])
return tonumber(version)
