-- What of a shard's runs the outside was not told yet, for a sender to tell and then to note as sent.
-- Values of nodes are left out. A run that another sender is at is left to it.
-- KEYS[1] the shard's list of runs with something to tell   ARGV[1] the time ('': this server's)
-- [2] the sender  [3] its lease, seconds  [4] entries of each run, at most
-- then the runs; or without any, [5] those that wait for so many seconds, [6] at most
local shard = string.match(KEYS[1], '^(.*):monitor$')
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] + t[2] / 1000000
end
local ids = {}
for i = 7, #ARGV do ids[#ids + 1] = ARGV[i] end
if ARGV[6] ~= '0' then
  local before = string.format('%.6f', now - tonumber(ARGV[5]))
  ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', before, 'LIMIT', 0, ARGV[6])
end

local function told_of(run, sent, key)
  local told, last = {}, 0
  for _, entry in ipairs(redis.call('XRANGE', key .. ':ev', sent + 1 .. '-0', '+', 'COUNT', ARGV[4])) do
    local newest, count = string.match(entry[1], '^(%d+)-(%d+)$')
    last = tonumber(newest)
    local fields = entry[2]
    local at = string.match(fields[2], '^%S+')
    for i = 1, tonumber(count) do
      local name = fields[1 + 2 * i]
      if run.monitor > 1 or string.sub(name, 1, 6) == 'chain.' then
        told[#told + 1] = last - count + i
        told[#told + 1] = at
        told[#told + 1] = name
        told[#told + 1] = string.match(fields[2 + 2 * i], '^[^\n]*')
      end
    end
  end
  return told, last
end

local found = {}
for _, id in ipairs(ids) do
  local key = shard .. ':r:' .. id
  local m, chain, sent, sender = unpack(redis.call('HMGET', key, 'm', 'chain', 'sent', 'sender'))
  local run = m and cmsgpack.unpack(m)
  sent = tonumber(sent or 0)
  if not (run and run.told and run.told > sent) then
    redis.call('ZREM', KEYS[1], id)
  else
    local till, holder = string.match(sender or '', '^(%S+) (.*)$')
    if not till or holder == ARGV[2] or tonumber(till) <= now then
      local told, last = told_of(run, sent, key)
      last = math.max(last, sent + 1)  -- what is looked for and not there is not looked for again
      redis.call('HSET', key, 'sender', string.format('%.6f', now + tonumber(ARGV[3])) .. ' ' .. ARGV[2])
      found[#found + 1] = {id, chain, last, told}
    end
  end
end
return found
