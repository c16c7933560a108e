-- Read a definition and keep it for ARGV[1] seconds more; published ones stay. With ARGV[2] write it: the
-- first text stays, and a signer's own is kept with the signature if it is another.
-- KEYS[1] the definition  [2] its signatures   ARGV[2] its text  [3] signer and name  [4] the signature
local text = redis.call('GET', KEYS[1])
if not text and ARGV[2] then
  text = ARGV[2]
  redis.call('SET', KEYS[1], text)
  redis.call('EXPIRE', KEYS[1], ARGV[1])
elseif redis.call('TTL', KEYS[1]) >= 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
if ARGV[2] then
  redis.call('HSET', KEYS[2], ARGV[3], text == ARGV[2] and ARGV[4] or ARGV[4] .. '\n' .. ARGV[2])
end
if redis.call('TTL', KEYS[1]) >= 0 then
  redis.call('EXPIRE', KEYS[2], ARGV[1])
else
  redis.call('PERSIST', KEYS[2])
end
return not ARGV[2] and text
