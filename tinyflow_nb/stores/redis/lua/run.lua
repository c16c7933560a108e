-- Put before every script that changes a run: what a run and its units are, and how they change.
--
-- KEYS[1]: the run's hash, `tf:{s07}:r:<run>`. All else that is touched has its hash tag.
-- ARGV[1]: the time ('': this server's)   [2]: who calls   [3]: the operation's own id
-- ARGV[4]: '1' if it may have been applied already   [5]: seconds a finished run is kept
--
-- The hash's fields: `m` the run's counters, `w` who watches, and what it was created with: `context`,
-- `chain`, `definition`, `inputs`, `created`;
-- by unit `u:` its state, `v:` its output, `p:` its last round, `i:` its item, `f:` its form;
-- by node `n:` its shape, [edges, data, any, judged, handles, reads, orders, tags].
-- Users' values are strings here, and are never looked into.
--
-- Redis runs the whole text at each call, and functions that hold on to many locals are dear to make:
-- so they are kept in one table, and words like SUCCEEDED stand for numbers before it is loaded.
local F = {}
local RUN, OP, NOW = KEYS[1], ARGV[3], tonumber(ARGV[1])
if not NOW then
  local t = redis.call('TIME')
  NOW = t[1] + t[2] / 1000000
end
local AT = string.format('%.6f', NOW)
local run
local units, values = {}, {}
F.shapes, F.changed, F.made, F.sets, F.dels, F.events = {}, {}, {}, {}, {}, {}

-- ------------------------------------------------------------------ reading

function F.in_parts(list, size, f)
  for first = 1, #list, size do
    f(first, math.min(first + size - 1, #list))
  end
end

function F.read(fields)
  if #fields <= 4000 then
    return redis.call('HMGET', RUN, unpack(fields))
  end
  local found = {}
  F.in_parts(fields, 4000, function(first, last)
    local part = redis.call('HMGET', RUN, unpack(fields, first, last))
    for i = 1, #part do found[first + i - 1] = part[i] end
  end)
  return found
end

function F.node_of(name)
  return string.match(name, '^[^%[]*')
end

-- Units, and of `targets` their nodes' shapes too, in one look; the run itself if it was not read yet.
function F.fetch(names, targets)
  local fields = run == nil and {'m', 'w'} or {}
  local units_from = #fields + 1
  for _, list in ipairs({names, targets}) do
    for _, name in ipairs(list) do
      if units[name] == nil then
        units[name] = false
        fields[#fields + 1] = 'u:' .. name
      end
    end
  end
  local shapes_from = #fields + 1
  for _, name in ipairs(targets or {}) do
    if F.shapes[name] == nil then
      F.shapes[name] = false
      fields[#fields + 1] = 'n:' .. name
    end
  end
  if #fields == 0 then return end
  local found = F.read(fields)
  for i = units_from, shapes_from - 1 do
    if found[i] then
      local u, name = cmsgpack.unpack(found[i]), string.sub(fields[i], 3)
      u.name, u.edges, u.data, u.round = name, u.edges or 0, u.data or 0, u.round or 1
      units[name] = u
    end
  end
  for i = shapes_from, #fields do F.shapes[string.sub(fields[i], 3)] = found[i] end
  if run == nil then
    run = found[1] and cmsgpack.unpack(found[1])
    F.watchers = found[2]
    F.was = run and run.st
  end
end

function F.shape(name)
  local node = F.node_of(name)
  local s = F.shapes[node]
  if s == nil then
    s = redis.call('HGET', RUN, 'n:' .. node)
  end
  if type(s) == 'string' then
    s = cjson.decode(s)
  end
  F.shapes[node] = s
  return s
end

function F.known(name)
  if units[name] == nil then F.fetch({name}) end
  return units[name]
end

-- A node comes to be when something first happens to it.
function F.unit(name)
  local u = F.known(name)
  if not u then
    local s = F.shape(name)
    u = {name = name, st = READY, edges = s[EDGES], data = s[DATA], round = 1}
    units[name] = u
  end
  return u
end

function F.touch(u)
  if not F.changed[u] then
    F.changed[u] = true
    F.changed[#F.changed + 1] = u
  end
end

function F.set(field, value)
  F.sets[#F.sets + 1] = field
  F.sets[#F.sets + 1] = value
end

-- Outputs of units, false for those without; of a failed one its stand-in's.
function F.outputs(names)
  local fields = {}
  for _, name in ipairs(names) do
    if values[name] == nil then fields[#fields + 1] = 'v:' .. name end
  end
  local missing = {}
  if #fields > 0 then
    local found = F.read(fields)
    for i, field in ipairs(fields) do
      local name = string.sub(field, 3)
      values[name] = found[i]
      if not found[i] then missing[#missing + 1] = name end
    end
  end
  F.fetch(missing)
  local texts = {}
  for i, name in ipairs(names) do
    local u = units[name]
    texts[i] = values[name] or u and u.st == FAILED and u.by and F.outputs({u.by})[1] or false
  end
  return texts
end

function F.load(names, targets)
  F.fetch(names, targets)
  return run
end

-- ------------------------------------------------------------------ telling

function F.tell(type, name, data)
  run.seq = run.seq + 1
  F.events[#F.events + 1] = type .. ' ' .. name
  F.events[#F.events + 1] = data
end

function F.tell_chain_started(chain)
  F.tell('chain.started', '', '{"chain":' .. cjson.encode(chain) .. ',"generation":' .. run.gen .. '}')
end

function F.tell_started(u)
  if u.round > 1 then
    local previous = values['p:' .. u.name] or redis.call('HGET', RUN, 'p:' .. u.name)
    F.tell('node.started', u.name, '{"attempt":' .. u.try .. ',"round":' .. u.round .. '}\n' .. previous)
  else
    F.tell('node.started', u.name, '{"attempt":' .. u.try .. '}')
  end
end

-- ------------------------------------------------------------------ ends

function F.end_run(status, error)
  run.st = status
  run.error = error ~= '' and error or nil
  run.ended = NOW
  run.parked = 0
  local words = {[SUCCEEDED] = 'SUCCEEDED', [FAILED] = 'FAILED', [CANCELLED] = 'CANCELLED'}
  local data = '{"status":"' .. words[status] .. '"'
  F.tell('chain.finished', '', error ~= '' and data .. ',"error":' .. error .. '}' or data .. '}')
end

function F.all_keys(command, ...)
  for _, part in ipairs({'', ':ev', ':ch', ':big', ':q'}) do redis.call(command, RUN .. part, ...) end
end

function F.list(command, name, score)
  local shard, id = string.match(RUN, '^(.-}):r:(.*)$')
  if score then
    redis.call(command, shard .. ':' .. name, score, id)
  else
    redis.call(command, shard .. ':' .. name, id)
  end
end

-- Counts the live runs of a definition.
function F.uses_definition(change, hash)
  hash = hash or redis.call('HGET', RUN, 'definition')
  redis.call('HINCRBY', string.match(RUN, '^(.-}):r:') .. ':definitions', hash, change)
end

-- The shard's lists: runs that have something due, that wait for people, and that ended.
function F.list_run()
  local was = F.was
  if run.st >= SUCCEEDED then
    if run.due then F.list('ZREM', 'due') end
    run.due = nil
    if was < SUCCEEDED then
      F.uses_definition(-1)
      F.list('ZREM', 'waiting')
      F.list('ZADD', 'done', AT)
    end
    return
  end
  if F.soonest and not (run.due and run.due <= F.soonest) then
    run.due = F.soonest
    F.list('ZADD', 'due', string.format('%.6f', F.soonest))
  end
  if run.st == SUSPENDED then
    F.list('ZADD', 'waiting', AT)
  elseif was == SUSPENDED then
    F.list('ZREM', 'waiting')
  elseif was and was >= SUCCEEDED then
    F.uses_definition(1)
    F.list('ZREM', 'done')
    F.all_keys('PERSIST')
  end
end

function F.wake_watchers()
  for origin, till in pairs(cmsgpack.unpack(F.watchers)) do
    if origin ~= ARGV[2] and till > NOW then
      redis.call('PUBLISH', 'tf:watch:' .. origin, run.seq .. ' ' .. string.match(RUN, '^.-}:r:(.*)$'))
    end
  end
end

-- What is as it is in the beginning is left out.
function F.packed(u)
  local name, edges, data, round = u.name, u.edges, u.data, u.round
  u.name = nil
  if edges == 0 then u.edges = nil end
  if data == 0 then u.data = nil end
  if round == 1 then u.round = nil end
  local text = cmsgpack.pack(u)
  u.name, u.edges, u.data, u.round = name, edges, data, round
  return text
end

function F.save()
  F.list_run()
  local sets, events = F.sets, F.events
  F.set('m', cmsgpack.pack(run))
  for _, u in ipairs(F.changed) do F.set('u:' .. u.name, F.packed(u)) end
  if #F.dels > 0 then
    F.in_parts(F.dels, 4000, function(first, last) redis.call('HDEL', RUN, unpack(F.dels, first, last)) end)
  end
  if #sets <= 4000 then
    redis.call('HSET', RUN, unpack(sets))
  else
    F.in_parts(sets, 4000, function(first, last) redis.call('HSET', RUN, unpack(sets, first, last)) end)
  end
  local at = AT .. ' ' .. OP
  if #events > 4000 then
    local seq = run.seq - #events / 2
    F.in_parts(events, 4000, function(first, last)
      local id = seq + last / 2 .. '-' .. (last - first + 1) / 2
      redis.call('XADD', RUN .. ':ev', id, 'at', at, unpack(events, first, last))
    end)
  elseif #events > 0 then
    redis.call('XADD', RUN .. ':ev', run.seq .. '-' .. #events / 2, 'at', at, unpack(events))
  end
  if run.st >= SUCCEEDED then F.all_keys('EXPIRE', math.ceil(tonumber(ARGV[5]))) end
  if F.watchers then F.wake_watchers() end
end

function F.outcome(claims, triggers)
  return {run.seq, run.st, AT, claims, triggers, F.events}
end

-- `count` values kept by their hash, from ARGV[first] on; returns where the next argument is.
function F.keep_large(first)
  local count = tonumber(ARGV[first])
  for i = first + 1, first + 2 * count, 2 do
    redis.call('HSETNX', RUN .. ':big', ARGV[i], ARGV[i + 1])
  end
  return first + 1 + 2 * count
end

