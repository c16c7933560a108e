-- Forget a shard's runs that ended ARGV[2] seconds ago, 500 at a time. Returns 1 if there are more, the
-- runs nobody touched for ARGV[3] seconds that wait for people, and the definitions live runs use.
-- KEYS[1] the shard's list of ended runs   ARGV[1] the time ('': this server's)
local shard = string.match(KEYS[1], '^(.*):done$')
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] + t[2] / 1000000
end
local function before(seconds) return string.format('%.6f', now - tonumber(seconds)) end
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', before(ARGV[2]), 'LIMIT', 0, 500)
for _, id in ipairs(ids) do
  for _, part in ipairs({'', ':ev', ':ch', ':big', ':q'}) do
    redis.call('UNLINK', shard .. ':r:' .. id .. part)
  end
  redis.call('ZREM', shard .. ':runs', id)
  redis.call('ZREM', shard .. ':kids', id)
  redis.call('ZREM', KEYS[1], id)
end
local used = {}
local counts = redis.call('HGETALL', shard .. ':definitions')
for i = 1, #counts, 2 do
  if tonumber(counts[i + 1]) > 0 then
    used[#used + 1] = counts[i]
  else
    redis.call('HDEL', shard .. ':definitions', counts[i])
  end
end
return {#ids == 500 and 1 or 0, redis.call('ZRANGEBYSCORE', shard .. ':waiting', '-inf', before(ARGV[3])), used}
