-- The outbox of a run, and claims: who may work on which unit, until when, and with what.

-- The tags a worker must carry for the unit: none to skip it.
local function tags_of(u)
  return u.dead and {} or shape(u.name)[TAGS]
end

-- The run has something due in a unit's lane.
local function due_by(time, u)
  local tags = tags_of(u)
  if #tags == 0 then
    if not soonest or time < soonest then soonest = time end
    return
  end
  local lane = table.concat(tags, '+')
  soonest_in = soonest_in or {}
  if not soonest_in[lane] or time < soonest_in[lane] then soonest_in[lane] = time end
end

-- Whether who carries those tags (`|eu|gpu|`, or `*`: all) may run the unit.
local function may_run(u, carried)
  if carried == '*' then return true end
  for _, tag in ipairs(tags_of(u)) do
    if not string.find(carried, '|' .. tag .. '|', 1, true) then return false end
  end
  return true
end

local function by_deadline()
  if run.deadline then list('ZADD', 'deadlines', string.format('%.6f', run.deadline)) end
end

-- It waits for its child, and nobody holds it.
local function delegated(u)
  return u.kid and not u.token and not u.kid.fresh and (u.st == RUNNING or u.st == SUSPENDED)
end

local function make_ready(u)
  u.st = READY
  u.out = true
  u.since = NOW
  run.active = run.active + 1
  run.ready = run.ready + 1
  touch(u)
  made[#made + 1] = u
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
    u.since = nil
    run.ready = run.ready - 1
    if run.most then redis.call('ZREM', RUN .. ':q', u.name) end
  end
end

local function claim_of(u, overdue)
  local name = u.name
  local s = shape(name)
  local reads = {}
  if not u.dead then
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
  if item or u.items or u.round > 1 or s[HANDLES] ~= '' or u.kid then
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
    if u.kid and u.kid.st >= SUCCEEDED then
      local text = u.kid.value and (values['c:' .. name] or redis.call('HGET', RUN, 'c:' .. name)) or false
      claim[13] = {u.kid.gen, u.kid.st, text, u.kid.info or false, u.kid.fresh and 1 or 0}
    end
  end
  return claim
end

local function take(u, worker, lease)
  u.worker = worker
  u.late = u.late or u.form or delegated(u) and true or nil
  local overdue = u.late or false  -- also for who takes it from a worker that died with it
  if u.st == SUSPENDED then
    run.parked = run.parked - 1
    run.active = run.active + 1
  elseif u.st == RUNNING then
    if u.token then u.deaths = (u.deaths or 0) + 1 end  -- without one it was its child that was waited for
  else
    leave_outbox(u)
    local goes_on = u.items or u.kid and u.kid.fresh
    if not u.dead and not goes_on and (u.judged or shape(u.name)[JUDGED] == 0) then
      u.try = (u.try or 0) + 1
      u.began = u.began or NOW
      tell_started(u)
    end
  end
  run.tokens = run.tokens + 1
  u.st = RUNNING
  u.token = run.tokens
  u.till = NOW + lease
  u.due = nil
  u.op = OP
  touch(u)
  due_by(u.till, u)
  return claim_of(u, overdue)
end

local function trigger_of(u)
  local kind = (u.st == SUSPENDED or delegated(u)) and 'timeout' or u.due and 'retry' or 'run'
  return {u.name, u.try or 0, kind, string.format('%.6f', u.due or u.since), tags_of(u)}
end

-- The outbox of a run that bounds its running units, oldest first.
local function queue_up(u)
  run.queued = (run.queued or 0) + 1
  redis.call('ZADD', RUN .. ':q', run.queued, u.name)
end

-- What a change made ready: claimed for this worker, as far as it wants, or left in the outbox.
local function hand_out(worker, want, lease, carried)
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
      if u.dead or u.st == SUSPENDED or delegated(u) or u.due and u.due > NOW then at_once[#at_once + 1] = u end
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
    if u.st == SUSPENDED or delegated(u) or u.due and u.due > NOW then
      triggers[#triggers + 1] = trigger_of(u)
      due_by(u.due, u)
    elseif worker ~= '' and (u.dead or #claims < want and may_run(u, carried)) then
      claims[#claims + 1] = take(u, worker, lease)
    elseif u.out then
      triggers[#triggers + 1] = trigger_of(u)
      due_by(NOW, u)
    end
  end
  return claims, triggers
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
      if u.st == RUNNING and u.token then claims[#claims + 1] = claim_of(u, u.late or false) end
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
