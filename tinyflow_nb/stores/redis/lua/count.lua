-- How many of a shard's newest runs have each chain and status: whether these are all, then chain, status and number of each.
-- KEYS[1] the shard's list of runs   ARGV[1] how many are looked at
local shard = string.match(KEYS[1], '^(.*):%w+$')
local all = redis.call('ZCARD', KEYS[1]) <= tonumber(ARGV[1])
local kinds = {}
for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1)) do
  local meta, chain = unpack(redis.call('HMGET', shard .. ':r:' .. id, 'm', 'chain'))
  if meta then  -- else it outlived its time
    local status = cmsgpack.unpack(meta).st
    local kind = kinds[status .. chain] or {chain, status, 0}
    kind[3] = kind[3] + 1
    kinds[status .. chain] = kind
  end
end
local reply = {all and 1 or 0}
for _, kind in pairs(kinds) do reply[#reply + 1] = kind end
return reply
