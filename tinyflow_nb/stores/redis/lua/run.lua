-- Put before every script that changes a run: what a run and its units are, and how they change.
--
-- KEYS[1]: the run's hash, `tf:{s07}:r:<run>`. All else that is touched has its hash tag.
-- ARGV[1]: the time ('': this server's)   [2]: who calls   [3]: the operation's own id
-- ARGV[4]: '1' if it may have been applied already   [5]: seconds a finished run is kept
--
-- The hash's fields: `m` the run's counters, `w` who watches, and what it was created with: `context`,
-- `chain`, `definition`, `inputs`;
-- by unit `u:` its state, `v:` its output, `p:` its last round, `i:` its item, `f:` its form;
-- by node `n:` its shape, [edges, data, any, judged, handles, reads, orders, tags].
-- Users' values are strings here, and are never looked into.
local READY, RUNNING, SUSPENDED, SUCCEEDED, FAILED, CANCELLED, SKIPPED = 1, 2, 3, 4, 5, 6, 7
local STATUS = {'READY', 'RUNNING', 'SUSPENDED', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'SKIPPED'}
local EDGES, DATA, ANY, JUDGED, HANDLES, READS, ORDERS, TAGS = 1, 2, 3, 4, 5, 6, 7, 8

local RUN = KEYS[1]
local SHARD, ID = string.match(RUN, '^(.-}):r:(.*)$')
local ORIGIN, OP, AGAIN, KEPT = ARGV[2], ARGV[3], ARGV[4] == '1', tonumber(ARGV[5])
local NOW = tonumber(ARGV[1])
if not NOW then
  local t = redis.call('TIME')
  NOW = t[1] + t[2] / 1000000
end
local AT = string.format('%.6f', NOW)

local run
local units, shapes, values = {}, {}, {}
local changed = {}
local sets, dels = {}, {}
local events = {}
local soonest
local was

-- ------------------------------------------------------------------ reading

local function in_parts(list, size, f)
  for first = 1, #list, size do
    f(first, math.min(first + size - 1, #list))
  end
end

local function read(fields)
  if #fields <= 4000 then
    return redis.call('HMGET', RUN, unpack(fields))
  end
  local found = {}
  in_parts(fields, 4000, function(first, last)
    local part = redis.call('HMGET', RUN, unpack(fields, first, last))
    for i = 1, #part do found[first + i - 1] = part[i] end
  end)
  return found
end

local function node_of(name)
  return string.match(name, '^[^%[]*')
end

-- Units and their nodes' shapes, and `extra` fields, in one look.
local function fetch(names, extra)
  local fields, put = extra or {}, {}
  local given = #fields
  for _, name in ipairs(names) do
    if units[name] == nil then
      units[name] = false
      fields[#fields + 1] = 'u:' .. name
      put[#fields] = units
      local node = node_of(name)
      if shapes[node] == nil then
        shapes[node] = false
        fields[#fields + 1] = 'n:' .. node
        put[#fields] = shapes
      end
    end
  end
  if #fields == 0 then return {} end
  local found = read(fields)
  for i = given + 1, #fields do
    local name = string.sub(fields[i], 3)
    if put[i] == shapes then
      shapes[name] = found[i]
    elseif found[i] then
      units[name] = cmsgpack.unpack(found[i])
    end
  end
  return found
end

local function shape(name)
  local node = node_of(name)
  local s = shapes[node]
  if s == nil then
    s = redis.call('HGET', RUN, 'n:' .. node)
  end
  if type(s) == 'string' then
    s = cjson.decode(s)
  end
  shapes[node] = s
  return s
end

local function known(name)
  if units[name] == nil then fetch({name}) end
  return units[name]
end

-- A node comes to be when something first happens to it.
local function unit(name)
  local u = known(name)
  if not u then
    local s = shape(name)
    u = {name = name, st = READY, edges = s[EDGES], data = s[DATA], round = 1}
    units[name] = u
  end
  return u
end

local function touch(u)
  if not changed[u] then
    changed[u] = true
    changed[#changed + 1] = u
  end
end

local function set(field, value)
  sets[#sets + 1] = field
  sets[#sets + 1] = value
end

-- Outputs of units, false for those without; of a failed one its stand-in's.
local function outputs(names)
  local fields = {}
  for _, name in ipairs(names) do
    if values[name] == nil then fields[#fields + 1] = 'v:' .. name end
  end
  local missing = {}
  if #fields > 0 then
    local found = read(fields)
    for i, field in ipairs(fields) do
      local name = string.sub(field, 3)
      values[name] = found[i]
      if not found[i] then missing[#missing + 1] = name end
    end
  end
  fetch(missing)
  local texts = {}
  for i, name in ipairs(names) do
    local u = units[name]
    texts[i] = values[name] or u and u.st == FAILED and u.by and outputs({u.by})[1] or false
  end
  return texts
end

local function load(names)
  local found = fetch(names, {'m', 'w'})
  run = found[1] and cmsgpack.unpack(found[1])
  if run then
    run.watchers = found[2]
    was = run.st
  end
  return run
end

-- ------------------------------------------------------------------ telling

local function tell(type, name, data)
  run.seq = run.seq + 1
  events[#events + 1] = type .. ' ' .. name
  events[#events + 1] = data
end

local function tell_chain_started(chain)
  tell('chain.started', '', '{"chain":' .. cjson.encode(chain) .. ',"generation":' .. run.gen .. '}')
end

local function tell_started(u)
  if u.round > 1 then
    local previous = values['p:' .. u.name] or redis.call('HGET', RUN, 'p:' .. u.name)
    tell('node.started', u.name, '{"attempt":' .. u.try .. ',"round":' .. u.round .. '}\n' .. previous)
  else
    tell('node.started', u.name, '{"attempt":' .. u.try .. '}')
  end
end

-- ------------------------------------------------------------------ outbox and claims

local function due_by(time)
  if not soonest or time < soonest then soonest = time end
end

local function make_ready(u)
  u.st = READY
  u.out = true
  u.since = NOW
  run.active = run.active + 1
  run.ready = run.ready + 1
  touch(u)
end

local function back_to_outbox(u)
  u.st = READY
  u.out = true
  u.since = NOW
  run.ready = run.ready + 1
  touch(u)
end

local function leave_outbox(u)
  if u.out then
    u.out = nil
    run.ready = run.ready - 1
    if run.most then redis.call('ZREM', RUN .. ':q', u.name) end
  end
end

local function claim_of(u, overdue)
  local name = u.name
  local s = shape(name)
  local reads = {}
  if not u.dead then
    local seen = {}
    local sources = s[READS]
    if u.winner then
      local asked, orders = {}, {}
      for _, source in ipairs(s[ORDERS]) do orders[source] = true end
      for _, source in ipairs(sources) do
        if source == u.winner or orders[source] then
          asked[#asked + 1] = source
        else
          reads[#reads + 1] = source
          reads[#reads + 1] = false
        end
      end
      sources = asked
    end
    for i, text in ipairs(outputs(sources)) do
      reads[#reads + 1] = sources[i]
      reads[#reads + 1] = text
    end
  end
  local claim = {name, u.token, u.try or 0, u.round, u.dead or '', overdue and 1 or 0, u.deaths or 0, reads}
  local item = string.find(name, '[', 1, true)
  if item or u.items or u.round > 1 or s[HANDLES] ~= '' then
    claim[9] = item and (values['i:' .. name] or redis.call('HGET', RUN, 'i:' .. name)) or false
    claim[10] = u.round > 1 and (values['p:' .. name] or redis.call('HGET', RUN, 'p:' .. name)) or false
    claim[11], claim[12] = false, false
    if s[HANDLES] ~= '' then
      local handled = known(s[HANDLES])
      claim[11] = handled and handled.st == FAILED and handled.info or false
    end
    if u.items then
      local names = {}
      for i = 1, u.items do names[i] = name .. '[' .. i - 1 .. ']' end
      claim[12] = outputs(names)
    end
  end
  return claim
end

local function take(u, worker, lease)
  local overdue = u.form or false  -- also for who takes it from a worker that died with it
  if u.st == SUSPENDED then
    run.parked = run.parked - 1
    run.active = run.active + 1
  elseif u.st == RUNNING then
    u.deaths = (u.deaths or 0) + 1
  else
    leave_outbox(u)
    if not u.dead and not u.items and (u.judged or shape(u.name)[JUDGED] == 0) then
      u.try = (u.try or 0) + 1
      u.began = u.began or NOW
      tell_started(u)
    end
  end
  run.tokens = run.tokens + 1
  u.st = RUNNING
  u.token = run.tokens
  u.worker = worker
  u.till = NOW + lease
  u.due = nil
  u.op = OP
  touch(u)
  due_by(u.till)
  return claim_of(u, overdue)
end

local function trigger_of(u)
  local kind = u.st == SUSPENDED and 'timeout' or u.due and 'retry' or 'run'
  local due = u.due and string.format('%.6f', u.due) or '0'
  return {u.name, u.try or 0, kind, due, shape(u.name)[TAGS]}
end

-- The outbox of a run that bounds its running units, oldest first.
local function queue_up(u)
  run.queued = (run.queued or 0) + 1
  redis.call('ZADD', RUN .. ':q', run.queued, u.name)
end

-- What a change made ready: claimed for this worker, as far as it wants, or left in the outbox.
local function hand_out(made, worker, want, lease)
  local claims, triggers = {}, {}
  if run.st >= SUCCEEDED then
    run.ready = 0
    return claims, triggers
  end
  if run.most then  -- what it holds back, a unit's end takes from the outbox
    local free = math.max(0, run.most - (run.active - run.ready))
    want = math.min(want, free)
    local queue, at_once = RUN .. ':q', {}
    for _, u in ipairs(made) do
      if u.out then queue_up(u) end
      if u.dead or u.st == SUSPENDED or u.due and u.due > NOW then at_once[#at_once + 1] = u end
    end
    local from, names = 0, nil
    while free > 0 do
      names = redis.call('ZRANGE', queue, from, from + 99)
      if #names == 0 then break end
      from = from + 100
      fetch(names)
      for _, name in ipairs(names) do
        local u = units[name]
        if free > 0 and not u.dead and (u.due or 0) <= NOW then
          free = free - 1
          at_once[#at_once + 1] = u
        end
      end
    end
    made = at_once
  end
  for _, u in ipairs(made) do
    if u.st == SUSPENDED or u.due and u.due > NOW then
      triggers[#triggers + 1] = trigger_of(u)
      due_by(u.due)
    elseif worker ~= '' and (u.dead or #claims < want) and #shape(u.name)[TAGS] == 0 then
      claims[#claims + 1] = take(u, worker, lease)
    elseif u.out then
      triggers[#triggers + 1] = trigger_of(u)
      due_by(NOW)
    end
  end
  return claims, triggers
end

-- ------------------------------------------------------------------ ends

local function end_run(status, error)
  run.st = status
  run.error = error ~= '' and error or nil
  run.ended = NOW
  run.parked = 0
  local data = '{"status":"' .. STATUS[status] .. '"'
  tell('chain.finished', '', error ~= '' and data .. ',"error":' .. error .. '}' or data .. '}')
end

local BESIDE = {'', ':ev', ':ch', ':big', ':q'}

-- The shard's lists: runs that have something due, that wait for people, and that ended.
local function list_run()
  if run.st >= SUCCEEDED then
    if run.due then
      redis.call('ZREM', SHARD .. ':due', ID)
      run.due = nil
    end
    if was < SUCCEEDED then
      redis.call('HINCRBY', SHARD .. ':definitions', redis.call('HGET', RUN, 'definition'), -1)
      redis.call('ZREM', SHARD .. ':waiting', ID)
      redis.call('ZADD', SHARD .. ':done', AT, ID)
    end
    return
  end
  if soonest and not (run.due and run.due <= soonest) then
    run.due = soonest
    redis.call('ZADD', SHARD .. ':due', string.format('%.6f', soonest), ID)
  end
  if run.st == SUSPENDED then
    redis.call('ZADD', SHARD .. ':waiting', AT, ID)
  elseif was == SUSPENDED then
    redis.call('ZREM', SHARD .. ':waiting', ID)
  end
  if was and was >= SUCCEEDED then
    redis.call('HINCRBY', SHARD .. ':definitions', redis.call('HGET', RUN, 'definition'), 1)
    redis.call('ZREM', SHARD .. ':done', ID)
    for _, key in ipairs(BESIDE) do redis.call('PERSIST', RUN .. key) end
  end
end

local function wake_watchers(news)
  if not run.watchers then return end
  for origin, till in pairs(cmsgpack.unpack(run.watchers)) do
    if origin ~= ORIGIN and till > NOW then
      redis.call('PUBLISH', 'tf:watch:' .. origin, news .. ' ' .. ID)
    end
  end
end

local function save()
  list_run()
  local watchers = run.watchers
  run.watchers = nil
  set('m', cmsgpack.pack(run))
  run.watchers = watchers
  for _, u in ipairs(changed) do
    set('u:' .. u.name, cmsgpack.pack(u))
  end
  if #dels > 0 then
    in_parts(dels, 4000, function(first, last) redis.call('HDEL', RUN, unpack(dels, first, last)) end)
  end
  in_parts(sets, 4000, function(first, last) redis.call('HSET', RUN, unpack(sets, first, last)) end)
  if #events > 0 then
    local id, at = run.seq .. '-' .. #events / 2, AT .. ' ' .. OP
    if #events <= 4000 then
      redis.call('XADD', RUN .. ':ev', id, 'at', at, unpack(events))
    else
      local first = run.seq - #events / 2
      in_parts(events, 4000, function(a, b)
        redis.call('XADD', RUN .. ':ev', first + b / 2 .. '-' .. (b - a + 1) / 2, 'at', at, unpack(events, a, b))
      end)
    end
  end
  if run.st >= SUCCEEDED then
    for _, key in ipairs(BESIDE) do redis.call('EXPIRE', RUN .. key, math.ceil(KEPT)) end
  end
  wake_watchers(run.seq)
end

local function outcome(claims, triggers)
  return {run.seq, run.st, AT, claims, triggers, events}
end

-- `count` values kept by their hash, from ARGV[first] on; returns where the next argument is.
local function keep_large(first)
  local count = tonumber(ARGV[first])
  for i = first + 1, first + 2 * count, 2 do
    redis.call('HSETNX', RUN .. ':big', ARGV[i], ARGV[i + 1])
  end
  return first + 1 + 2 * count
end

-- The answer to an operation asked for again because its answer was lost: what it claimed and told.
-- nil if it was not applied.
local function applied_already()
  local fields = redis.call('HKEYS', RUN)
  local names, claims, found = {}, {}, false
  for _, field in ipairs(fields) do
    if string.sub(field, 1, 2) == 'u:' then names[#names + 1] = string.sub(field, 3) end
  end
  table.sort(names)
  fetch(names)
  for _, name in ipairs(names) do
    local u = units[name]
    if u and u.op == OP then
      found = true
      if u.st == RUNNING and u.token then claims[#claims + 1] = claim_of(u, u.form or false) end
    end
  end
  for _, entry in ipairs(redis.call('XREVRANGE', RUN .. ':ev', '+', '-', 'COUNT', 1000)) do
    local pairs_ = entry[2]
    if string.sub(pairs_[2], -#OP - 1) == ' ' .. OP then
      found = true
      for i = 3, #pairs_ do events[#events + 1] = pairs_[i] end
      break
    end
  end
  return found and {run.seq, run.st, AT, claims, {}, events} or nil
end
