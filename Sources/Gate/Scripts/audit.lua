-- The view of some positions at one instant, for the audit of drift. Reads only.
--
-- KEYS: 1 the epoch key {shard}:e; all keys read begin with {shard}:<epoch>:
-- ARGV: 1 the epoch, then ids of positions.
-- Reply: first the time of Redis in ms, then one array per id: w, f, x, h as they are stored (null
--   where there is none; for a key of another type its error in the place of w), the sum of the
--   pending holds of the position, the deadline (ms) of the oldest of them, or null, `1` where the
--   channels are not known yet (else null), and what is withheld from channels: name, figure, ...
--   Sum and deadline are null when there are more pending entries than one audit may look through.
-- It needs no fence: a view is exact at its version on every Redis, stale ones too (I4).
local ENTRIES_MAX = 20000

local prefix = string.sub(KEYS[1], 1, -2) .. ARGV[1] .. ':'
local pending_key = prefix .. 'q'
local sums, oldest = false, {}
if redis.call('HLEN', pending_key) <= ENTRIES_MAX then
  sums = {}
  for _, entry in ipairs(redis.call('HVALS', pending_key)) do
    local deadline = struct.unpack('<I8', entry)
    for at = 9, #entry, 16 do
      local id, units = struct.unpack('<I8I8', entry, at)
      sums[id] = (sums[id] or 0) + units
      if not oldest[id] or deadline < oldest[id] then oldest[id] = deadline end
    end
  end
end

local time = redis.call('TIME')
local reply = {string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))}
for i = 2, #ARGV do
  local id = tonumber(ARGV[i])
  local all, v, channels = redis.pcall('HGETALL', prefix .. 'p' .. ARGV[i]), {}, {}
  if all.err then
    v.w = all.err
    all = {}
  end
  for at = 1, #all, 2 do
    if string.sub(all[at], 1, 2) == 'c:' then
      channels[#channels + 1] = string.sub(all[at], 3)
      channels[#channels + 1] = all[at + 1]
    else
      v[all[at]] = all[at + 1]
    end
  end
  reply[i] = {v.w or false, v.f or false, v.x or false, v.h or false,
    sums and string.format('%d', sums[id] or 0),
    sums and oldest[id] and string.format('%d', oldest[id]) or false,
    v.u or false, channels}
end
return reply
