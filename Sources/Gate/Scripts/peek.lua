-- What is free at many positions at one instant, for those who plan. Reads only.
--
-- KEYS: 1 the epoch key {shard}:e; all keys read begin with {shard}:<epoch>:
-- ARGV: 1 the epoch, then pairs: a channel (may be empty), and the ids of positions that are asked
--   about for it, 8 bytes each, little-endian.
-- Reply: 8 bytes an id, little-endian, in the order of the ids: f - h, less what is withheld from the
--   channel; -2^53 where the position is not in the view, or its channels are not known.
-- Errors: STALE another epoch is open here.
-- It needs no other fence: a plan is a proposal, and gate.lua decides about it.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return redis.error_reply('STALE another epoch')
end

local unpack_ = struct.unpack
local MISSING = -9007199254740992
-- The stack has room for so many values of one call.
local PART = 1000
local prefix = string.sub(KEYS[1], 1, -2) .. ARGV[1] .. ':p'
local free, count = {}, 0

for i = 2, #ARGV, 2 do
  local channel, ids = ARGV[i], ARGV[i + 1]
  local field = 'c:' .. channel
  for at = 1, #ids, 8 do
    local key = prefix .. unpack_('<I8', ids, at)
    count = count + 1
    if channel == '' then
      local v = redis.call('HMGET', key, 'f', 'h')
      free[count] = v[1] and v[1] - v[2] or MISSING
    else
      local v = redis.call('HMGET', key, 'f', 'h', 'u', field)
      if v[1] and not v[3] then
        free[count] = v[1] - v[2] - (v[4] and tonumber(string.match(v[4], ':(%d+)$')) or 0)
      else
        free[count] = MISSING
      end
    end
  end
end

local reply = {}
for from = 1, count, PART do
  local last = math.min(from + PART - 1, count)
  reply[#reply + 1] = struct.pack('<' .. string.rep('i8', last - from + 1), unpack(free, from, last))
end
return table.concat(reply)
