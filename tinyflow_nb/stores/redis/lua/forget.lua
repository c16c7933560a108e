-- Forget one run that has ended: 1, or 0 if there is none; its status if it is live.
-- KEYS[1] the run
local shard, id = string.match(KEYS[1], '^(.-}):r:(.*)$')
local run, watchers = unpack(redis.call('HMGET', KEYS[1], 'm', 'w'))
if not run then return 0 end
run = cmsgpack.unpack(run)
if run.st < 4 then return -run.st end
for origin in pairs(watchers and cmsgpack.unpack(watchers) or {}) do
  redis.call('PUBLISH', 'tf:watch:' .. origin, run.seq + 1 .. ' ' .. id)
end
for _, part in ipairs({'', ':ev', ':ch', ':big', ':q'}) do redis.call('UNLINK', KEYS[1] .. part) end
for _, list in ipairs({':runs', ':kids', ':done', ':due', ':deadlines', ':between', ':waiting'}) do
  redis.call('ZREM', shard .. list, id)
end
return 1
