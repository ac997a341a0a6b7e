-- Drops the view of one position if it still is what was read: the next request loads it.
--
-- KEYS: 1 the epoch key {shard}:e; all other keys begin with {shard}:<epoch>:
-- ARGV: 1 the epoch, 2 the id of the position, 3 what is wrong:
--     view        f is wrong: dropped if w, f and x are what was read. h goes on moving and is not
--                 compared.
--     unreadable  dropped if all fields are what was read.
--     pending     h is wrong: dropped if it still is not the sum of the pending holds.
--     channel     dropped if the figures of channels are what was read: 8 name, 9 figure, ...
--   4 to 7: w, f, x, h as they were read, empty where there was none.
-- Reply: DROPPED, CHANGED (it is another one now) or GONE (there is none).
-- Pending holds stay as they are: who makes the view anew sums them again (gate.lua, `create`).
local prefix = string.sub(KEYS[1], 1, -2) .. ARGV[1] .. ':'
local key = prefix .. 'p' .. ARGV[2]
if redis.call('EXISTS', key) == 0 then return redis.status_reply('GONE') end

local v = redis.pcall('HMGET', key, 'w', 'f', 'x', 'h')
if v.err then v = {v.err, false, false, false} end
local function is_same(first, last)
  for i = first, last do
    if (v[i] or '') ~= ARGV[3 + i] then return false end
  end
  return true
end

local is_wrong
if ARGV[3] == 'pending' then
  local sum = 0
  for _, entry in ipairs(redis.call('HVALS', prefix .. 'q')) do
    for at = 9, #entry, 16 do
      local id, units = struct.unpack('<I8I8', entry, at)
      if id == tonumber(ARGV[2]) then sum = sum + units end
    end
  end
  is_wrong = tonumber(v[4] or '') ~= sum
elseif ARGV[3] == 'channel' then
  is_wrong = true
  for at = 8, #ARGV, 2 do
    if redis.pcall('HGET', key, 'c:' .. ARGV[at]) ~= ARGV[at + 1] then is_wrong = false end
  end
elseif ARGV[3] == 'view' then
  is_wrong = is_same(1, 3)
else
  is_wrong = is_same(1, 4)
end
if not is_wrong then return redis.status_reply('CHANGED') end
redis.call('DEL', key)
return redis.status_reply('DROPPED')
