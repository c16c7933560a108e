-- Runs of a shard whose deadline is over. Each is given again ARGV[3] seconds later if it is still so.
-- KEYS[1] the shard's deadlines  ARGV[1] the time ('': this server's)  [2] seconds it is over for
-- [3] seconds until it is given again
local shard = string.match(KEYS[1], '^(.*):deadlines$')
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] + t[2] / 1000000
end
local found = {}
local function seconds(time) return string.format('%.6f', time) end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', seconds(now - ARGV[2]), 'LIMIT', 0, 100)) do
  local run = redis.call('HGET', shard .. ':r:' .. id, 'm')
  run = run and cmsgpack.unpack(run)
  if run and run.st < 4 and run.deadline then
    found[#found + 1] = {id, run.gen, '', 0, 'deadline', seconds(run.deadline), {}}
    redis.call('ZADD', KEYS[1], seconds(now + ARGV[3]), id)
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return found
