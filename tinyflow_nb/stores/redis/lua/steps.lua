-- The rarer steps, and items.

local function begin_round(u, value)
  values['p:' .. u.name] = value
  set('p:' .. u.name, value)
  u.round = u.round + 1
  u.try = nil
  u.info = nil
  u.due = nil
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
  u.next = math.min(tonumber(ARGV[step.first]), u.items)
  u.open = u.items
  u.began = NOW
  touch(u)
  for i = 0, u.items - 1 do
    local field = 'i:' .. u.name .. '[' .. i .. ']'
    values[field] = ARGV[step.first + 1 + i]
    set(field, values[field])
  end
  tell('node.started', u.name, '{"attempt":' .. u.try .. ',"items":' .. u.items .. '}')
  for i = 0, u.next - 1 do item(u, i) end
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
  for i = 0, (old.items or 0) - 1 do
    for _, kind in ipairs({'u:', 'v:', 'p:', 'i:', 'f:'}) do
      dels[#dels + 1] = kind .. name .. '[' .. i .. ']'
    end
  end
  for _, kind in ipairs({'v:', 'p:', 'f:'}) do dels[#dels + 1] = kind .. name end
  local u = {
    name = name, st = READY, round = 1,
    edges = old.edges, data = old.data, dead = old.dead, winner = old.winner,
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
