-- Units of a shard that are ready and that nobody has taken, of its first ARGV[1] runs.
-- KEYS[1] the shard's due list
local shard = string.match(KEYS[1], '^(.*):due$')
local count = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)) do
  local run = redis.call('HGET', shard .. ':r:' .. id, 'm')
  if run then count = count + cmsgpack.unpack(run).ready end
end
return count
