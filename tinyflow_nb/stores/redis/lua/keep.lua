-- Read a definition (or write it: ARGV[2]) and keep it for ARGV[1] seconds more; published ones stay.
-- KEYS[1] the definition
local text = redis.call('GET', KEYS[1])
if not text and ARGV[2] then
  redis.call('SET', KEYS[1], ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[1])
elseif redis.call('TTL', KEYS[1]) >= 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return not ARGV[2] and text
