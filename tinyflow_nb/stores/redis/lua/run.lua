-- What a run and its units are, how they are read and how they are written.
--
-- KEYS[1]: the run's hash, `tf:{s07}:r:<run>`. All else that is touched has its hash tag.
-- ARGV[1]: the time ('': this server's)   [2]: who calls   [3]: the operation's own id
-- [4]: '1' if it may have been applied already   [5]: seconds a finished run is kept
--
-- The hash's fields: `m` the run's counters, `w` who watches, and what it was created with: `context`,
-- `chain`, `definition`, `inputs`, `created`; `sent` and `sender` of its monitor messages;
-- by unit `u:` its state, `v:` its output, `p:` its last round, `i:` its item, `f:` its form, `d:` what it
-- delegated, `c:` its child's result until it is looked at;
-- by node `n:` its shape, [edges, data, any, judged, handles, reads, orders, tags].
-- Users' values are strings here, and are never looked into.
--
-- Words like SUCCEEDED stand for numbers: they are replaced before this is loaded.
local RUN, OP, NOW, AT, run, units, values
local shapes, changed, made, sets, dels, events, watchers, was, soonest, soonest_in, between, child_by

-- Before each operation.
local function begin()
  RUN, OP, NOW = KEYS[1], ARGV[3], tonumber(ARGV[1])
  if not NOW then
    local t = redis.call('TIME')
    NOW = t[1] + t[2] / 1000000
  end
  AT = string.format('%.6f', NOW)
  run, units, values = nil, {}, {}
  shapes, changed, made, sets, dels, events = {}, {}, {}, {}, {}, {}
  watchers, was, soonest, soonest_in, between, child_by = nil, nil, nil, nil, {}, nil
end

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
  local item = string.find(name, '[', 1, true)
  return item and string.sub(name, 1, item - 1) or name
end

-- Units, and of `targets` their nodes' shapes too, in one look; the run itself if it was not read yet.
local function fetch(names, targets)
  local fields, asked, count = {}, {}, 0
  local function ask(kind, list, known)
    for i = 1, #list do
      local name = list[i]
      if known[name] == nil then
        known[name] = false
        count = count + 1
        fields[count], asked[count] = kind .. name, name
      end
    end
  end
  if run == nil then fields[1], fields[2], count = 'm', 'w', 2 end
  local first = count + 1
  ask('u:', names, units)
  if targets then ask('u:', targets, units) end
  local last = count
  if targets then ask('n:', targets, shapes) end
  if count == 0 then return end
  local found = read(fields)
  for i = first, last do
    if found[i] then
      local u = cmsgpack.unpack(found[i])
      u.name, u.edges, u.data, u.round = asked[i], u.edges or 0, u.data or 0, u.round or 1
      units[asked[i]] = u
    end
  end
  for i = last + 1, count do shapes[asked[i]] = found[i] end
  if run == nil then
    run = found[1] and cmsgpack.unpack(found[1])
    watchers = found[2]
    was = run and run.st
  end
end

-- Shapes by their text, over the calls: many runs have the same.
local decoded, decoded_count = {}, 0

local function shape(name)
  local s = shapes[name]
  if type(s) == 'table' then return s end
  local node = node_of(name)
  local text = shapes[node]
  if type(text) == 'table' then return text end
  if not text then text = redis.call('HGET', RUN, 'n:' .. node) end
  s = decoded[text]
  if not s then
    if decoded_count == 4000 then decoded, decoded_count = {}, 0 end
    s = cjson.decode(text)
    decoded[text], decoded_count = s, decoded_count + 1
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
  if #missing > 0 then fetch(missing) end
  local texts = {}
  for i, name in ipairs(names) do
    local u = units[name]
    texts[i] = values[name] or u and u.st == FAILED and u.by and outputs({u.by})[1] or false
  end
  return texts
end

local function load(names, targets)
  fetch(names, targets)
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
  local data = '{"attempt":' .. u.try .. (u.worker and ',"worker":' .. cjson.encode(u.worker) or '')
  if u.round > 1 then
    local previous = values['p:' .. u.name] or redis.call('HGET', RUN, 'p:' .. u.name)
    tell('node.started', u.name, data .. ',"round":' .. u.round .. '}\n' .. previous)
  else
    tell('node.started', u.name, data .. '}')
  end
end

-- What it shows outside: its parent is to be told.
local function tell_status(type, data)
  tell(type, '', data)
  if run.sub then
    run.untold = run.seq
    between[#between + 1] = 'parent'
  end
end

-- ------------------------------------------------------------------ ends

-- Children are to end whose units do not wait for them any more; once the root ends, all are.
local function close_children()
  if not run.closing then between[#between + 1] = 'children' end
  run.closing = true
end

local function end_run(status, error)
  run.st = status
  run.error = error ~= '' and error or nil
  run.ended = NOW
  run.parked = 0
  local words = {[SUCCEEDED] = 'SUCCEEDED', [FAILED] = 'FAILED', [CANCELLED] = 'CANCELLED'}
  local data = '{"status":"' .. words[status] .. '"'
  tell_status('chain.finished', error ~= '' and data .. ',"error":' .. error .. '}' or data .. '}')
  if run.kids and (run.kids > 0 or not run.sub) then close_children() end
end

-- A child is kept as long as its root may be, until the root has ended.
local KEPT_FOR_ROOT = 2592000

local function all_keys(command, ...)
  for _, part in ipairs({'', ':ev', ':ch', ':big', ':q'}) do redis.call(command, RUN .. part, ...) end
end

local function list(command, name, score)
  local shard, id = string.match(RUN, '^(.-}):r:(.*)$')
  if score then
    redis.call(command, shard .. ':' .. name, score, id)
  else
    redis.call(command, shard .. ':' .. name, id)
  end
end

-- Counts the live runs of a definition.
local function uses_definition(change, hash)
  hash = hash or redis.call('HGET', RUN, 'definition')
  redis.call('HINCRBY', string.match(RUN, '^(.-}):r:') .. ':definitions', hash, change)
end

-- The shard's lists: runs that have something due (in each lane of tags), that wait for people, and
-- that ended.
local function list_run()
  if run.st >= SUCCEEDED then
    if run.due then list('ZREM', 'due') end
    for lane in pairs(run.lanes or {}) do list('ZREM', 'due:' .. lane) end
    if run.deadline then list('ZREM', 'deadlines') end
    run.due, run.lanes = nil, nil
    if was < SUCCEEDED then
      uses_definition(-1)
      list('ZREM', 'waiting')
      list('ZADD', 'done', run.sub and string.format('%.6f', NOW + KEPT_FOR_ROOT) or AT)
    end
    return
  end
  if soonest and not (run.due and run.due <= soonest) then
    run.due = soonest
    list('ZADD', 'due', string.format('%.6f', soonest))
  end
  if soonest_in then
    run.lanes = run.lanes or {}
    for lane, time in pairs(soonest_in) do
      if not (run.lanes[lane] and run.lanes[lane] <= time) then
        run.lanes[lane] = time
        list('ZADD', 'due:' .. lane, string.format('%.6f', time))
        redis.call('SADD', string.match(RUN, '^(.-}):r:') .. ':lanes', lane)
      end
    end
  end
  if run.st == SUSPENDED then
    list('ZADD', 'waiting', AT)
  elseif was == SUSPENDED then
    list('ZREM', 'waiting')
  elseif was and was >= SUCCEEDED then
    uses_definition(1)
    list('ZREM', 'done')
    all_keys('PERSIST')
  end
end

local function wake_watchers()
  for origin, till in pairs(cmsgpack.unpack(watchers)) do
    if origin ~= ARGV[2] and till > NOW then
      redis.call('PUBLISH', 'tf:watch:' .. origin, run.seq .. ' ' .. string.match(RUN, '^.-}:r:(.*)$'))
    end
  end
end

-- The unit is of no use any more. What is as it is in the beginning is left out.
local function packed(u)
  u.name = nil
  if u.edges == 0 then u.edges = nil end
  if u.data == 0 then u.data = nil end
  if u.round == 1 then u.round = nil end
  return cmsgpack.pack(u)
end

-- The shard's list of runs that other runs are to hear of, in case nobody does it at once.
local GRACE = 2
local function list_between()
  local time = #between > 0 and NOW + GRACE or child_by
  if not time then return end
  local shard, id = string.match(RUN, '^(.-}):r:(.*)$')
  redis.call('ZADD', shard .. ':between', 'LT', string.format('%.6f', time), id)
end

-- The outside is told of what happened since `sent`; `told` is the newest event it must hear of.
local function list_unsent()
  if run.monitor and #events > 0 and (run.monitor > 1 or run.st ~= was) then
    run.told = run.seq
    list('ZADD', 'monitor', AT)
  end
end

local function save()
  list_run()
  list_between()
  list_unsent()
  set('m', cmsgpack.pack(run))
  for i = 1, #changed do
    local u = changed[i]
    set('u:' .. u.name, packed(u))
  end
  if #dels > 0 then
    in_parts(dels, 4000, function(first, last) redis.call('HDEL', RUN, unpack(dels, first, last)) end)
  end
  if #sets <= 4000 then
    redis.call('HSET', RUN, unpack(sets))
  else
    in_parts(sets, 4000, function(first, last) redis.call('HSET', RUN, unpack(sets, first, last)) end)
  end
  local at = AT .. ' ' .. OP
  if #events > 4000 then
    local seq = run.seq - #events / 2
    in_parts(events, 4000, function(first, last)
      local id = seq + last / 2 .. '-' .. (last - first + 1) / 2
      redis.call('XADD', RUN .. ':ev', id, 'at', at, unpack(events, first, last))
    end)
  elseif #events > 0 then
    redis.call('XADD', RUN .. ':ev', run.seq .. '-' .. #events / 2, 'at', at, unpack(events))
  end
  if run.st >= SUCCEEDED then
    all_keys('EXPIRE', math.ceil(tonumber(ARGV[5])) + (run.sub and not run.released and KEPT_FOR_ROOT or 0))
  end
  if watchers then wake_watchers() end
end

local function outcome(claims, triggers)
  for _, kind in ipairs(between) do triggers[#triggers + 1] = {'', 0, kind, '0', {}} end
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

