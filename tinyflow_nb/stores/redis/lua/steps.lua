-- The steps that are rarer, and items.

function F.item(parent, index)
  local name = parent.name .. '[' .. index .. ']'
  local u = {name = name, st = READY, edges = 0, data = 0, round = 1, judged = true}
  units[name] = u
  F.make_ready(u)
end

function F.count_item(parent)
  parent.open = parent.open - 1
  F.touch(parent)
  if parent.next < parent.items then
    parent.next = parent.next + 1
    F.item(parent, parent.next - 1)
  elseif parent.open == 0 then
    F.make_ready(parent)
  end
end

function F.void_items(parent)
  local items = {}
  for i = 1, parent.next or 0 do items[i] = parent.name .. '[' .. i - 1 .. ']' end
  F.fetch(items)
  for _, name in ipairs(items) do
    local u = units[name]
    if u.st < SUCCEEDED then
      if u.st == SUSPENDED then
        run.parked = run.parked - 1
      else
        run.active = run.active - 1
        F.leave_outbox(u)
      end
      u.st = CANCELLED
      F.take_form_away(u)
      F.touch(u)
    end
  end
end

function F.begin_round(u, value)
  values['p:' .. u.name] = value
  F.set('p:' .. u.name, value)
  u.round = u.round + 1
  u.try = nil
  u.info = nil
  u.due = nil
end

-- Arguments: form, due
function F.park(step)
  local u = F.unit(step.unit)
  local form, due = ARGV[step.first], tonumber(ARGV[step.first + 1])
  run.active = run.active - 1
  run.parked = run.parked + 1
  u.st = SUSPENDED
  u.judged = true
  u.form = true
  u.due = due > 0 and due or nil
  u.began = u.began or NOW
  u.op = OP
  F.touch(u)
  F.set('f:' .. u.name, form)
  if u.due then F.made[#F.made + 1] = u end
  F.tell('node.suspended', u.name, '{"round":' .. u.round .. ',' .. string.sub(form, 2))
end

-- Arguments: value, who, whether another round follows, arrivals
function F.answer(step)
  local value, who = ARGV[step.first], ARGV[step.first + 1]
  local info = '{"answered_by":' .. string.sub(who, 1, -2) .. ',"at":' .. AT .. '}}'
  if ARGV[step.first + 2] ~= '1' then
    F.settle(step.unit, SUCCEEDED, value, info, '', '')
    F.arrivals(step)
    return
  end
  local u = F.unit(step.unit)
  run.parked = run.parked - 1
  F.take_form_away(u)
  F.begin_round(u, value)
  u.info = info
  F.make_ready(u)
end

-- Arguments: due, error
function F.again(step)
  local u = F.unit(step.unit)
  local due, error = tonumber(ARGV[step.first]), ARGV[step.first + 1]
  F.back_to_outbox(u)
  F.made[#F.made + 1] = u
  u.due = due
  u.info = '{"error":' .. error .. '}'
  F.tell('node.retrying', u.name, '{"attempt":' .. (u.try or 0) .. ',"due":'
    .. string.format('%.6f', due) .. ',"error":' .. error .. '}')
end

-- Arguments: window, items
function F.expand(step)
  local u = F.unit(step.unit)
  run.active = run.active - 1
  u.judged = true
  u.try = u.try or 1
  u.token = nil
  u.items = step.last - step.first
  u.next = math.min(tonumber(ARGV[step.first]), u.items)
  u.open = u.items
  u.began = NOW
  u.op = OP
  F.touch(u)
  for i = 0, u.items - 1 do
    local field = 'i:' .. u.name .. '[' .. i .. ']'
    values[field] = ARGV[step.first + 1 + i]
    F.set(field, values[field])
  end
  F.tell('node.started', u.name, '{"attempt":' .. u.try .. ',"items":' .. u.items .. '}')
  for i = 0, u.next - 1 do F.item(u, i) end
end

-- Arguments: value
function F.round(step)
  local u = F.unit(step.unit)
  F.begin_round(u, ARGV[step.first])
  F.back_to_outbox(u)
  F.made[#F.made + 1] = u
end

function F.handback(step)
  local u = F.unit(step.unit)
  if u.judged or F.shape(u.name)[JUDGED] == 0 then u.try = (u.try or 0) - 1 end
  F.back_to_outbox(u)
  F.due_by(NOW)
  if run.most then F.queue_up(u) end
end

-- Arguments: status, error
F['end'] = function(step)
  F.end_run(tonumber(ARGV[step.first]), ARGV[step.first + 1])
end

-- Arguments: deadline or ''
function F.reopen(step)
  run.gen = run.gen + 1
  run.st = RUNNING
  run.error, run.ended = nil, nil
  run.deadline = tonumber(ARGV[step.first])
  if run.deadline then F.due_by(run.deadline) end
  run.ready, run.active, run.parked = 0, 0, 0
  redis.call('DEL', RUN .. ':q')
  F.tell_chain_started(redis.call('HGET', RUN, 'chain'))
  local nodes = {}
  for _, field in ipairs(redis.call('HKEYS', RUN)) do
    if string.find(field, '^u:[^%[]+$') then nodes[#nodes + 1] = string.sub(field, 3) end
  end
  table.sort(nodes)
  F.fetch(nodes)
  for _, name in ipairs(nodes) do
    local u = units[name]
    if not (u.st == SUCCEEDED or u.st == SKIPPED or u.st == FAILED and u.by) then
      F.reopen_unit(u)
    end
  end
end

-- Back to the start, with what its settled parents told it.
function F.reopen_unit(old)
  local name = old.name
  if old.st >= SUCCEEDED then run.left = run.left + 1 end
  for i = 0, (old.items or 0) - 1 do
    for _, kind in ipairs({'u:', 'v:', 'p:', 'i:', 'f:'}) do
      F.dels[#F.dels + 1] = kind .. name .. '[' .. i .. ']'
    end
  end
  for _, kind in ipairs({'v:', 'p:', 'f:'}) do F.dels[#F.dels + 1] = kind .. name end
  local u = {
    name = name, st = READY, round = 1,
    edges = old.edges, data = old.data, dead = old.dead, winner = old.winner,
  }
  units[name] = u
  F.touch(u)
  if u.edges == 0 or u.winner and u.edges == u.data then F.make_ready(u) end
end
