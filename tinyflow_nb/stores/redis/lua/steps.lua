-- The rarer steps, and items.

-- After so long somebody looks whether a child is there; then ever more rarely.
local CHILD_SECONDS = 10

local function begin_round(u, value)
  values['p:' .. u.name] = value
  set('p:' .. u.name, value)
  u.round = u.round + 1
  u.try = nil
  u.info = nil
  u.due = nil
  if u.kid then
    u.kid, u.late = nil, nil
    dels[#dels + 1] = 'd:' .. u.name
    dels[#dels + 1] = 'c:' .. u.name
  end
end

-- Arguments: form, due
function apply.park(step)
  local u = unit(step.unit)
  local form, due = ARGV[step.first], tonumber(ARGV[step.first + 1])
  run.active = run.active - 1
  run.parked = run.parked + 1
  u.st = SUSPENDED
  u.judged = true
  u.form = true
  u.due = due > 0 and due or nil
  u.began = u.began or NOW
  touch(u)
  set('f:' .. u.name, form)
  if u.due then made[#made + 1] = u end
  tell('node.suspended', u.name, '{"round":' .. u.round .. ',' .. string.sub(form, 2))
end

-- Arguments: child, what it is made from, due
function apply.delegate(step)
  local u = unit(step.unit)
  local due = tonumber(ARGV[step.first + 2])
  u.token, u.worker, u.till, u.late = nil, nil, nil, nil
  u.due = due > 0 and due or nil
  if not u.judged then
    u.judged = true
    u.try = (u.try or 0) + 1
    u.began = NOW
    tell_started(u)
  end
  set('d:' .. u.name, ARGV[step.first + 1])
  if not u.kid then
    u.kid = {id = ARGV[step.first], gen = 1, seq = 0, st = READY}
    run.kids = (run.kids or 0) + 1
  elseif u.kid.st >= SUCCEEDED then  -- it is taken up again: what it told is over
    u.kid.st, u.kid.fresh = READY, nil
    run.kids = run.kids + 1
  else
    u.kid.seq = 0  -- where it stands is told anew
  end
  child_by = NOW + CHILD_SECONDS
  touch(u)
  if u.due then made[#made + 1] = u end
end

-- Arguments: child, its generation, its status, its result, info, '1' to make the unit ready, arrivals
function apply.child(step)
  local u = unit(step.unit)
  local at = step.first
  local status, value, info = tonumber(ARGV[at + 2]), ARGV[at + 3], ARGV[at + 4]
  touch(u)
  u.kid.seq, u.kid.gen, u.kid.st = step.token, tonumber(ARGV[at + 1]), status
  if status == SUSPENDED then
    if u.st == RUNNING then
      u.st = SUSPENDED
      run.active = run.active - 1
      run.parked = run.parked + 1
      tell('node.suspended', u.name, '{"child":' .. cjson.encode(u.kid.id) .. ',"round":' .. u.round .. '}')
    end
    return
  end
  if u.st == SUSPENDED then
    u.st = RUNNING
    run.active = run.active + 1
    run.parked = run.parked - 1
    if status == RUNNING then tell_started(u) end
  end
  if status == RUNNING then return end
  run.kids = run.kids - 1
  if status == SUCCEEDED and ARGV[at + 5] == '' then
    settle(step.unit, SUCCEEDED, value, info, '', '')
    arrivals(step)
    return
  end
  u.kid.fresh = true
  u.kid.info = info ~= '' and info or nil
  u.kid.value = status == SUCCEEDED or nil
  if u.kid.value then
    values['c:' .. u.name] = value
    set('c:' .. u.name, value)
  end
  u.due = nil
  run.active = run.active - 1
  make_ready(u)
end

-- Arguments: seq
function apply.told(step)
  if run.untold and tonumber(ARGV[step.first]) >= run.untold then run.untold = nil end
end

function apply.closed()
  run.closing = nil
  for _, field in ipairs(redis.call('HKEYS', RUN)) do
    if string.sub(field, 1, 2) == 'd:' then
      local u = known(string.sub(field, 3))
      if u and u.kid and u.kid.st < SUCCEEDED and not delegated(u) then
        u.kid.st = CANCELLED
        run.kids = run.kids - 1
        touch(u)
      end
    end
  end
end

-- Arguments: value, who, of the rounds '' or 'more' (another follows) or 'exhausted', arrivals
function apply.answer(step)
  local value, who = ARGV[step.first], ARGV[step.first + 1]
  local rounds = ARGV[step.first + 2]
  local info = '{"answered_by":' .. string.sub(who, 1, -2) .. ',"at":' .. AT .. '}'
  info = info .. (rounds == 'exhausted' and ',"exhausted":true}' or '}')
  if rounds ~= 'more' then
    settle(step.unit, SUCCEEDED, value, info, '', '')
    arrivals(step)
    return
  end
  local u = unit(step.unit)
  run.parked = run.parked - 1
  take_form_away(u)
  begin_round(u, value)
  u.info = info
  make_ready(u)
end

-- Arguments: due, error
function apply.again(step)
  local u = unit(step.unit)
  local due, error = tonumber(ARGV[step.first]), ARGV[step.first + 1]
  back_to_outbox(u)
  made[#made + 1] = u
  u.due = due
  u.info = '{"error":' .. error .. '}'
  u.late = nil
  if u.kid then u.kid.fresh = nil end
  tell('node.retrying', u.name, '{"attempt":' .. (u.try or 0) .. ',"due":'
    .. string.format('%.6f', due) .. ',"error":' .. error .. '}')
end

-- Arguments: window, items
function apply.expand(step)
  local u = unit(step.unit)
  run.active = run.active - 1
  u.judged = true
  u.try = u.try or 1
  u.token = nil
  u.items = step.last - step.first
  u.next = 0
  u.open = u.items - keep_items(u, step.first + 1)
  u.began = NOW
  touch(u)
  for i = 0, u.items - 1 do
    local field = 'i:' .. item(u, i)
    values[field] = ARGV[step.first + 1 + i]
    set(field, values[field])
  end
  tell('node.started', u.name, '{"attempt":' .. u.try .. ',"items":' .. u.items .. '}')
  for _ = 1, math.min(tonumber(ARGV[step.first]), u.open) do next_item(u) end
  gather_if_done(u)
end

-- Arguments: value
function apply.round(step)
  local u = unit(step.unit)
  begin_round(u, ARGV[step.first])
  back_to_outbox(u)
  made[#made + 1] = u
end

function apply.handback(step)
  local u = unit(step.unit)
  if u.judged or shape(u.name)[JUDGED] == 0 then u.try = (u.try or 0) - 1 end
  back_to_outbox(u)
  made[#made + 1] = u
end

-- Arguments: status, error
apply['end'] = function(step)
  end_run(tonumber(ARGV[step.first]), ARGV[step.first + 1])
end

-- Back to the start, with what its settled parents told it.
local function reopen_unit(old)
  local name = old.name
  if old.st >= SUCCEEDED then run.left = run.left + 1 end
  local items = math.max(old.items or 0, old.kept or 0)
  for _, each in ipairs(items_of(old, items)) do
    local u = units[each]
    if not (u and (u.st == SUCCEEDED or u.st == SKIPPED)) then forget_item(each) end
  end
  for _, kind in ipairs({'v:', 'p:', 'f:'}) do dels[#dels + 1] = kind .. name end
  local kid = old.kid
  if kid then
    kid.fresh = nil
    if kid.st < SUCCEEDED then kid.st = CANCELLED end  -- the end of the run ended it
  end
  local u = {
    name = name, st = READY, round = 1, kid = kid,
    edges = old.edges, data = old.data, dead = old.dead, winner = old.winner,
    kept = items > 0 and items or nil,
  }
  units[name] = u
  touch(u)
  if u.edges == 0 or u.winner and u.edges == u.data then make_ready(u) end
end

-- Arguments: deadline or ''
function apply.reopen(step)
  run.gen = run.gen + 1
  run.st = RUNNING
  run.error, run.ended = nil, nil
  run.deadline = tonumber(ARGV[step.first])
  by_deadline()
  run.ready, run.active, run.parked = 0, 0, 0
  run.kids, run.closing = run.kids and 0, nil
  redis.call('DEL', RUN .. ':q')
  tell_chain_started(redis.call('HGET', RUN, 'chain'))
  local nodes = {}
  for _, field in ipairs(redis.call('HKEYS', RUN)) do
    if string.find(field, '^u:[^%[]+$') then nodes[#nodes + 1] = string.sub(field, 3) end
  end
  table.sort(nodes)
  fetch(nodes)
  for _, name in ipairs(nodes) do
    local u = units[name]
    if not (u.st == SUCCEEDED or u.st == SKIPPED or u.st == FAILED and u.by) then
      reopen_unit(u)
    end
  end
end
