-- Note up to where runs' events were sent, and give way to other senders; the runs that have more.
-- KEYS[1] the shard's list of runs with something to tell   ARGV[1] the sender, then each run and its seq
local shard = string.match(KEYS[1], '^(.*):monitor$')
local more = {}
for i = 2, #ARGV, 2 do
  local key = shard .. ':r:' .. ARGV[i]
  local m, sent, sender = unpack(redis.call('HMGET', key, 'm', 'sent', 'sender'))
  if not m then
    redis.call('ZREM', KEYS[1], ARGV[i])
  else
    local seq = math.max(tonumber(sent or 0), tonumber(ARGV[i + 1]))
    redis.call('HSET', key, 'sent', seq)
    if sender and string.match(sender, '^%S+ (.*)$') == ARGV[1] then redis.call('HDEL', key, 'sender') end
    if cmsgpack.unpack(m).told > seq then
      more[#more + 1] = ARGV[i]
    else
      redis.call('ZREM', KEYS[1], ARGV[i])
    end
  end
end
return more
