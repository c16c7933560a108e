-- Outputs of nodes, of a failed one its stand-in's.   KEYS[1] the run   ARGV nodes
local texts = {}
for i, name in ipairs(ARGV) do
  local text = redis.call('HGET', KEYS[1], 'v:' .. name)
  while not text do
    local unit = redis.call('HGET', KEYS[1], 'u:' .. name)
    unit = unit and cmsgpack.unpack(unit)
    if not (unit and unit.st == 5 and unit.by) then break end
    name = unit.by
    text = redis.call('HGET', KEYS[1], 'v:' .. name)
  end
  texts[i] = text
end
return texts
