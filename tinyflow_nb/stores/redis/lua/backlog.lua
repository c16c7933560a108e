-- Units of a shard that are ready and that nobody has taken, of the first ARGV[1] runs in each lane.
-- KEYS[1] the shard's due list
local shard = string.match(KEYS[1], '^(.*):due$')
local count, seen = 0, {}
local function add(list)
  for _, id in ipairs(redis.call('ZRANGE', list, 0, ARGV[1] - 1)) do
    local run = not seen[id] and redis.call('HGET', shard .. ':r:' .. id, 'm')
    if run then count = count + cmsgpack.unpack(run).ready end
    seen[id] = true
  end
end
add(KEYS[1])
for _, lane in ipairs(redis.call('SMEMBERS', shard .. ':lanes')) do add(KEYS[1] .. ':' .. lane) end
return count
