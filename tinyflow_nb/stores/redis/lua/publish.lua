-- Make a definition the current version of a name; returns the version, or 0 if it is not kept.
-- KEYS[1] the definition  [2] the name's versions  [3] all names   ARGV[1] name  [2] hash  [3] the time
if redis.call('PERSIST', KEYS[1]) == 0 and redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local version = redis.call('HGET', KEYS[2], 'version of ' .. ARGV[2])
if not version then
  version = redis.call('HINCRBY', KEYS[2], 'newest', 1)
  redis.call('HSET', KEYS[2], 'version of ' .. ARGV[2], version, version, ARGV[3] .. ' ' .. ARGV[2])
end
redis.call('HSET', KEYS[2], 'current', version)
redis.call('SADD', KEYS[3], ARGV[1])
return tonumber(version)
