-- A run as it is: counters, and what is asked for.
-- KEYS[1] the run   ARGV[1] 'header', 'units' (their states) or 'all' (with outputs)
local found = redis.call('HMGET', KEYS[1], 'm', 'context', 'chain', 'definition', 'inputs', 'created')
if not found[1] then return nil end

-- Replies hold whole numbers only, so times travel as text.
local flat
function flat(table_)
  local list = {}
  for key, value in pairs(table_) do
    list[#list + 1] = key
    if type(value) == 'table' then
      value = flat(value)
    elseif type(value) == 'number' then
      value = string.format('%.17g', value)
    end
    list[#list + 1] = value
  end
  return list
end

local units, forms, outputs = {}, {}, {}
if ARGV[1] ~= 'header' then
  local fields = {}
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    local kind = string.sub(field, 1, 2)
    if kind == 'u:' or kind == 'f:' or kind == 'v:' and ARGV[1] == 'all' then fields[#fields + 1] = field end
  end
  for first = 1, #fields, 4000 do
    local last = math.min(first + 3999, #fields)
    local part = redis.call('HMGET', KEYS[1], unpack(fields, first, last))
    for i, value in ipairs(part) do
      local field = fields[first + i - 1]
      local kind, name = string.sub(field, 1, 2), string.sub(field, 3)
      if kind == 'u:' then
        units[#units + 1] = name
        units[#units + 1] = flat(cmsgpack.unpack(value))
      else
        local list = kind == 'f:' and forms or outputs
        list[#list + 1] = name
        list[#list + 1] = value
      end
    end
  end
end
return {flat(cmsgpack.unpack(found[1])), found[2], found[3], found[4], found[5], found[6], units, forms, outputs}
