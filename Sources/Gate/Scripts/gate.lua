-- The gate: admits, settles and loads, in one atomic call per turn of a server's loop.
--
-- Contract (PROTOCOL.md is its source; every name in capitals stands there).
-- The text is made per epoch: the two marks in the next statement are replaced by the number of the
-- epoch and by the master_replid of the very Redis process that the epoch was opened on. A process
-- that has lost its script cache answers NOSCRIPT; one that lost the epoch key, or has another
-- replid, answers STALE. Nothing may ever load this text again except `open`.
--
-- KEYS: 1 the epoch key {shard}:e. All other keys begin with {shard}:<epoch>: and lie in its slot:
--   p<id>  hash of a position: w f x h, u (present: channels are not known), c:<channel> version:units
--   q      hash of pending entries: key -> deadline in ms (8), then position (8) and units (8) a line
--   m<n>   set of markers of minute n: "this key is known, ask Postgres"
-- ARGV: 1 the operation:
--   open   makes this epoch the open one; refused (STALE) if one as high is open. Reply: OPEN.
--   batch  ARGV 2 rows, 3 loads, 4 ends, 5 admits, packed little-endian, done in that order:
--     row    position (8) version (8) delta (8) free (8) flags (1: 1 fresh, 2 channel follows)
--            [length (1) channel, units withheld (8)]
--     load   position (8) version (8) free (8) channels (1) then each: length (1) channel, units (8),
--            version of that figure (8)
--     end    key (16) committed (1)
--     admit  key (16) checked (1) length (1) channel, lines (2) then each: position (8) units (8)
--     Also ARGV 6: how long a pending entry lives, in ms.
--   Reply: one record per admit: a admitted, s shared with a pending entry of the same key,
--     k known, m missing, r refused and then line (2, from 0), free (8), pending (8);
--     then one per position that was touched and lacks a version: g and its id (8).
-- Errors: STALE. Every write comes after all checks of its operation; a text that passes the fence
-- does not fail half-way.
-- Keeps I4 (the view is exact at w and x) and I5 (coverage); a row is applied once, in any order.
local EPOCH, REPLID = '@EPOCH@', '@REPLID@'

local info = redis.call('INFO', 'replication')
if string.match(info, 'master_replid:(%x+)') ~= REPLID then
  return redis.error_reply('STALE another process')
end
local open = redis.call('GET', KEYS[1])
if ARGV[1] == 'open' then
  if open and tonumber(open) >= tonumber(EPOCH) then
    return redis.error_reply('STALE an epoch as high is open')
  end
  redis.call('SET', KEYS[1], EPOCH)
  return redis.status_reply('OPEN')
end
if open ~= EPOCH then
  return redis.error_reply('STALE another epoch')
end

local unpack_ = struct.unpack
-- A gap that nobody closed by then costs more than loading the position again.
local GAP_BYTES_MAX = 2000
-- Entries of one call, twice, from which on it is worth to look how Redis keeps them.
local TABLE_FROM = 16
local prefix = string.sub(KEYS[1], 1, -2) .. EPOCH .. ':'
local position_prefix, pending_key = prefix .. 'p', prefix .. 'q'
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local minute = math.floor(time[1] / 60)
local marker_key, marker_before = prefix .. 'm' .. minute, prefix .. 'm' .. (minute - 1)

-- Positions touched by this call, read once and written once: id -> {key, w, f, x, h, u, was}, or
-- false; `was` is x as it is stored, which is hardly ever written.
-- What has to be written, by id: 1 only h, 2 also w, f and x, 3 also u.
local positions, dirty = {}, {}
local function position(id)
  local p = positions[id]
  if p == nil then
    local key = position_prefix .. id
    local v = redis.call('HMGET', key, 'w', 'f', 'x', 'h', 'u')
    p = v[1] and {key = key, w = tonumber(v[1]), f = tonumber(v[2]), x = v[3] or ',',
      h = tonumber(v[4]), u = v[5], was = v[3]} or false
    positions[id] = p
  end
  return p
end
local function touched(id, what)
  local before = dirty[id]
  if not before or before < what then dirty[id] = what end
end

-- The holds of all pending entries by position: needed where a position is made anew.
local pending_sums
local function pending_of(id)
  if not pending_sums then
    pending_sums = {}
    for _, entry in ipairs(redis.call('HVALS', pending_key)) do
      for at = 9, #entry, 16 do
        local p, units = unpack_('<I8I8', entry, at)
        pending_sums[p] = (pending_sums[p] or 0) + units
      end
    end
  end
  return pending_sums[id] or 0
end

local function create(id, version, free, channels_unknown)
  positions[id] = {key = position_prefix .. id, w = version, f = free, x = ',', h = pending_of(id),
    u = channels_unknown}
  dirty[id] = 3
end

local function withhold(id, channel, units, version)
  local key, field = position_prefix .. id, 'c:' .. channel
  local held = redis.call('HGET', key, field)
  if not held or tonumber(string.match(held, '^(%d+):')) < version then
    redis.call('HSET', key, field, string.format('%d:%d', version, units))
  end
end

-- Moves w over the versions in x that follow it without a gap.
local function absorb(p)
  local beyond = {}
  for version in string.gmatch(p.x, '%d+') do beyond[tonumber(version)] = version end
  while beyond[p.w + 1] do
    beyond[p.w + 1] = nil
    p.w = p.w + 1
  end
  local rest = {}
  for _, version in pairs(beyond) do rest[#rest + 1] = version end
  p.x = #rest == 0 and ',' or ',' .. table.concat(rest, ',') .. ','
end

-- Drops the view of a position: the next request loads it. Its pending holds stay.
local function forget(id)
  redis.call('DEL', position_prefix .. id)
  positions[id] = false
  dirty[id] = nil
end

local function apply(id, version, delta, free, fresh)
  local p = position(id)
  if not p then
    if fresh then create(id, version, free, '1') end
    return
  end
  if version <= p.w then return end
  local mark = version ~= p.w + 1 and string.format(',%d,', version)
  if mark and string.find(p.x, mark, 1, true) then return end
  p.f = p.f + delta
  touched(id, 2)
  if mark then
    p.x = p.x .. string.sub(mark, 2)
    if #p.x > GAP_BYTES_MAX then forget(id) end
    return
  end
  p.w = version
  if p.x ~= ',' then absorb(p) end
end

local rows, loads, ends, admits = ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local at = 1
while at <= #rows do
  local id, version, delta, free, flags
  id, version, delta, free, flags, at = unpack_('<I8I8i8i8B', rows, at)
  apply(id, version, delta, free, flags % 2 == 1)
  if flags >= 2 then
    local channel, units
    channel, units, at = unpack_('<Bc0I8', rows, at)
    if position(id) then withhold(id, channel, units, version) end
  end
end

at = 1
while at <= #loads do
  local id, version, free, channels
  id, version, free, channels, at = unpack_('<I8I8i8B', loads, at)
  local p = position(id)
  if not p then
    create(id, version, free, false)
  elseif p.u then
    p.u = false
    touched(id, 1)
    redis.call('HDEL', position_prefix .. id, 'u')
  end
  for _ = 1, channels do
    local channel, units, since
    channel, units, since, at = unpack_('<Bc0I8I8', loads, at)
    withhold(id, channel, units, since)
  end
end

-- Calls from here cost several times what their work costs: one command for many keys, in parts that
-- the stack has room for.
local PART = 1000
local function for_parts(list, call)
  for from = 1, #list, PART do
    call(unpack(list, from, math.min(from + PART - 1, #list)))
  end
end
-- The answers of a command that has one for each key, in their order.
local function asked(command, name, keys)
  if #keys <= PART then return redis.call(command, name, unpack(keys)) end
  local answers = {}
  for_parts(keys, function(...)
    for _, answer in ipairs(redis.call(command, name, ...)) do answers[#answers + 1] = answer end
  end)
  return answers
end

local end_keys, ended, marks, end_count, mark_count = {}, {}, {}, 0, 0
at = 1
while at <= #ends do
  local key, committed
  key, committed, at = unpack_('<c16B', ends, at)
  end_count = end_count + 1
  end_keys[end_count] = key
  if committed == 1 then
    mark_count = mark_count + 1
    marks[mark_count] = key
  end
end
if #end_keys > 0 then
  local entries = asked('HMGET', pending_key, end_keys)
  for i = 1, #end_keys do
    local key, entry = end_keys[i], entries[i]
    if entry and not ended[key] then
      ended[key] = true
      for from = 9, #entry, 16 do
        local id, units = unpack_('<I8I8', entry, from)
        local p = position(id)
        if p then
          p.h = p.h - units
          touched(id, 1)
        end
      end
    end
  end
  for_parts(end_keys, function(...) redis.call('HDEL', pending_key, ...) end)
end
if #marks > 0 then
  for_parts(marks, function(...) redis.call('SADD', marker_key, ...) end)
  redis.call('EXPIRE', marker_key, 180)
end

-- Whether one admit, whose lines stand in ADMITS from `first` to `last`, has room: its code, and for a
-- refusal the line at fault with its figures.
local function decide(first, last, channel)
  for from = first, last, 16 do
    local p = position((unpack_('<I8', admits, from)))
    if not p or (p.u and channel ~= '') then return 'm' end
  end
  for from = first, last, 16 do
    local id, units = unpack_('<I8I8', admits, from)
    local p, withheld = positions[id], 0
    if channel ~= '' then
      local figure = redis.call('HGET', position_prefix .. id, 'c:' .. channel)
      if figure then withheld = tonumber(string.match(figure, ':(%d+)$')) end
    end
    if p.f - withheld - p.h < units then
      return 'r', struct.pack('<I2i8i8', (from - first) / 16, p.f - withheld, p.h)
    end
  end
  return 'a'
end

-- What is asked for: by number of the admit its key, and where in ADMITS its record and its lines begin.
local keys, records, firsts, count = {}, {}, {}, 0
at = 1
while at <= #admits do
  local key, channel_length, lines
  key, channel_length, at = unpack_('<c16xB', admits, at)
  count = count + 1
  keys[count], records[count] = key, at - 18
  lines, at = unpack_('<I2', admits, at + channel_length)
  firsts[count] = at
  at = at + 16 * lines
end

local reply, deadline = {}, struct.pack('<I8', now_ms + (tonumber(ARGV[6]) or 0))
local entries, entry_count, admitted = {}, 0, {}
if count > 0 then
  local pending = asked('HMGET', pending_key, keys)
  local known, known_before = asked('SMISMEMBER', marker_key, keys),
    asked('SMISMEMBER', marker_before, keys)
  for i = 1, count do
    local key, first = keys[i], firsts[i]
    local last = (records[i + 1] or #admits + 1) - 1
    if (known[i] == 1 or known_before[i] == 1) and string.byte(admits, records[i] + 16) == 0 then
      reply[i] = 'k'
    elseif pending[i] or admitted[key] then
      reply[i] = 's'
    else
      local code, figures = decide(first, last, string.sub(admits, records[i] + 18, first - 3))
      if figures then code = code .. figures end
      reply[i] = code
      if code == 'a' then
        for from = first, last, 16 do
          local id, units = unpack_('<I8I8', admits, from)
          local p = positions[id]
          p.h = p.h + units
          touched(id, 1)
        end
        admitted[key] = true
        entries[entry_count + 1] = key
        entries[entry_count + 2] = deadline .. string.sub(admits, first, last)
        entry_count = entry_count + 2
      end
    end
  end
end
for_parts(entries, function(...) redis.call('HSET', pending_key, ...) end)
-- Redis keeps a hash of up to 512 fields as a list, and looks for a field from its front: with hundreds
-- of entries that was half of its time. A long value makes it a table, until the last entry has gone.
if #entries >= TABLE_FROM and redis.call('OBJECT', 'ENCODING', pending_key) ~= 'hashtable' then
  redis.call('HSET', pending_key, '', string.rep(' ', 65))
  redis.call('HDEL', pending_key, '')
end

for id, what in pairs(dirty) do
  local p = positions[id]
  if what == 1 then
    redis.call('HSET', p.key, 'h', p.h)
  elseif p.x == p.was then
    redis.call('HSET', p.key, 'w', p.w, 'f', p.f, 'h', p.h)
  else
    redis.call('HSET', p.key, 'w', p.w, 'f', p.f, 'x', p.x, 'h', p.h)
  end
  if what == 3 and p.u then redis.call('HSET', p.key, 'u', p.u) end
  if p.x ~= ',' then reply[#reply + 1] = 'g' .. struct.pack('<I8', id) end
end
return table.concat(reply)
