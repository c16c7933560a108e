-- The root of a run that ended has ended too: 1; 0 if there is no such run, or it is live.
-- KEYS[1] the run  ARGV[1] the time ('': this server's)  [2] seconds it is kept
local run = redis.call('HGET', KEYS[1], 'm')
run = run and cmsgpack.unpack(run)
if not run or run.st < 4 then return 0 end
local now = tonumber(ARGV[1]) or tonumber(redis.call('TIME')[1])
run.released = true
redis.call('HSET', KEYS[1], 'm', cmsgpack.pack(run))
for _, part in ipairs({'', ':ev', ':ch', ':big', ':q'}) do
  redis.call('EXPIRE', KEYS[1] .. part, math.ceil(tonumber(ARGV[2])))
end
local shard, id = string.match(KEYS[1], '^(.-}):r:(.*)$')
redis.call('ZADD', shard .. ':done', string.format('%.6f', now), id)
return 1
