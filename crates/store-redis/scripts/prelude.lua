-- Whole numbers as decimal texts: a Lua number is a double, and holds 53 bits only.
local function negated(number)
  if number == '0' then return '0' end
  if string.sub(number, 1, 1) == '-' then return string.sub(number, 2) end
  return '-' .. number
end
local function less(a, b)
  local a_minus, b_minus = string.sub(a, 1, 1) == '-', string.sub(b, 1, 1) == '-'
  if a_minus ~= b_minus then return a_minus end
  if a_minus then a, b = string.sub(b, 2), string.sub(a, 2) end
  if #a ~= #b then return #a < #b end
  return a < b
end
