-- The workers alive. With ARGV[2] one reports first: ARGV[2] its name, [3] seconds it counts for
-- (0: it is going), [4] what it tells, JSON.
-- KEYS[1] what they tell, by name   KEYS[2] until when they count   ARGV[1] the time ('': this server's)
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] + t[2] / 1000000
end
if ARGV[2] then
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[4])
  redis.call('ZADD', KEYS[2], string.format('%.6f', now + tonumber(ARGV[3])), ARGV[2])
  for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, 86400) end
end
local names = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.6f', now))
for _, name in ipairs(names) do
  redis.call('HDEL', KEYS[1], name)
  redis.call('ZREM', KEYS[2], name)
end
return ARGV[2] and 1 or redis.call('HVALS', KEYS[1])
