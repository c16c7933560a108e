-- What is due in a shard, oldest first: triggers nobody claimed, timers, expired leases, deadlines.
-- Each is given again ARGV[3] seconds later if it is still so.
-- KEYS[1] the shard's due list  ARGV[1] the time ('': this server's)  [2] seconds it is due for
-- [3] seconds until it is given again  [4] runs looked at, at most
local shard = string.match(KEYS[1], '^(.*):due$')
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] + t[2] / 1000000
end
local found = {}
local limit = now - tonumber(ARGV[2])
local function seconds(time) return string.format('%.6f', time) end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', seconds(limit), 'LIMIT', 0, ARGV[4])) do
  local key = shard .. ':r:' .. id
  local run = redis.call('HGET', key, 'm')
  run = run and cmsgpack.unpack(run)
  local next_look
  local function look(name, attempt, kind, due, tags)
    if due <= limit then
      found[#found + 1] = {id, run.gen, name, attempt, kind, seconds(due), tags}
      due = now + tonumber(ARGV[3])
    end
    if not next_look or due < next_look then next_look = due end
  end
  if run and run.st < 4 then
    if run.deadline then look('', 0, 'deadline', run.deadline, {}) end
    for _, field in ipairs(redis.call('HKEYS', key)) do
      if string.sub(field, 1, 2) == 'u:' then
        local name = string.sub(field, 3)
        local u = cmsgpack.unpack(redis.call('HGET', key, field))
        if u.st == 2 and u.token then
          look(name, u.try or 0, 'lease', u.till, {})
        elseif u.st == 3 and u.due or u.st == 1 and u.out then
          local shape = redis.call('HGET', key, 'n:' .. string.match(name, '^[^%[]+'))
          local kind = u.st == 3 and 'timeout' or u.due and 'retry' or 'run'
          look(name, u.try or 0, kind, u.due or u.since, cjson.decode(shape)[8])
        end
      end
    end
    run.due = next_look
    redis.call('HSET', key, 'm', cmsgpack.pack(run))
  end
  if next_look then
    redis.call('ZADD', KEYS[1], seconds(next_look), id)
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return found
