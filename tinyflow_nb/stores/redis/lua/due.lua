-- What is due in a shard in the lanes asked for, oldest first: triggers nobody claimed, timers, expired
-- leases. Each is given again ARGV[3] seconds later if it is still so.
-- KEYS[1] the shard's due list  ARGV[1] the time ('': this server's)  [2] seconds it is due for
-- [3] seconds until it is given again  [4] runs looked at in each lane, at most  [5] seconds that an
-- expired lease is left to its holder  [6...] lanes
local shard = string.match(KEYS[1], '^(.*):due$')
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] + t[2] / 1000000
end
local found = {}
local limit, again = now - tonumber(ARGV[2]), now + tonumber(ARGV[3])
local function seconds(time) return string.format('%.6f', time) end
local function run_of(id)
  local run = redis.call('HGET', shard .. ':r:' .. id, 'm')
  run = run and cmsgpack.unpack(run)
  return run and run.st < 4 and run or nil
end

-- What one run has due in a lane; when to look at it there next.
local function look(id, run, lane)
  local key, next_look = shard .. ':r:' .. id, nil
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if string.sub(field, 1, 2) == 'u:' then
      local name = string.sub(field, 3)
      local u = cmsgpack.unpack(redis.call('HGET', key, field))
      local leased = u.st == 2 and u.token
      local parked = u.due and not u.token and (u.st == 3 or u.st == 2 and u.kid)
      if leased or u.st == 3 and u.due or parked or u.st == 1 and u.out then
        local tags = {}
        if not u.dead and (run.lanes or lane ~= '') then
          tags = cjson.decode(redis.call('HGET', key, 'n:' .. string.match(name, '^[^%[]+')))[8]
        end
        if table.concat(tags, '+') == lane then
          local due = leased and u.till + ARGV[5] or u.due or u.since
          if due <= limit then
            local kind = leased and 'lease' or (u.st == 3 or parked) and 'timeout' or u.due and 'retry' or 'run'
            found[#found + 1] = {id, run.gen, name, u.try or 0, kind, seconds(due), tags}
            due = again
          end
          if not next_look or due < next_look then next_look = due end
        end
      end
    end
  end
  return next_look
end

for i = 6, #ARGV do
  local lane = ARGV[i]
  local list = lane == '' and KEYS[1] or KEYS[1] .. ':' .. lane
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', list, '-inf', seconds(limit), 'LIMIT', 0, ARGV[4])) do
    local run = run_of(id)
    local next_look = run and look(id, run, lane)
    if run then
      if lane == '' then
        run.due = next_look
      else
        run.lanes = run.lanes or {}
        run.lanes[lane] = next_look
      end
      redis.call('HSET', shard .. ':r:' .. id, 'm', cmsgpack.pack(run))
    end
    if next_look then
      redis.call('ZADD', list, seconds(next_look), id)
    else
      redis.call('ZREM', list, id)
    end
  end
end
return found
