-- Wake ARGV[2] when another changes the run, for ARGV[3] seconds; returns the newest event's seq.
-- KEYS[1] the run   ARGV[1] the time ('': this server's)
local run, watchers = unpack(redis.call('HMGET', KEYS[1], 'm', 'w'))
if not run then return nil end
local now = tonumber(ARGV[1]) or tonumber(redis.call('TIME')[1])
local kept = {}
for origin, till in pairs(watchers and cmsgpack.unpack(watchers) or {}) do
  if till > now then kept[origin] = till end
end
kept[ARGV[2]] = now + tonumber(ARGV[3])
redis.call('HSET', KEYS[1], 'w', cmsgpack.pack(kept))
return cmsgpack.unpack(run).seq
