-- One look at a caller's log: what ended is let go, and one more is admitted if there is room.
-- KEYS  1 the state of all logs (a hash)   2 the caller's log (a list, oldest entry first)
-- ARGV  1 limit   2 window   3 grain       4 when the state was made, as the asking process knows it, or ''
-- Returns {admitted, used, microseconds until the oldest entry ends, when the state was made}
-- All times are microseconds of this server's clock: no replica's clock counts.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local limit, window, grain = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local function text(number) return string.format('%.0f', number) end

-- A restart may have lost the newest entries, a flush has lost all. Then nobody knows what was admitted in the
-- last window, and it counts as used up. Only where there never was a state, a new process begins at once.
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local state = redis.call('HMGET', KEYS[1], 'server', 'made_at', 'lost_at')
local made_at, lost_at = state[2], tonumber(state[3] or '0')
if state[1] ~= server then
  made_at = text(now)
  lost_at = (state[1] or ARGV[4] ~= '') and now or 0
  redis.call('HSET', KEYS[1], 'server', server, 'made_at', made_at, 'lost_at', text(lost_at))
elseif lost_at == 0 and ARGV[4] ~= '' and ARGV[4] ~= made_at then
  lost_at = now -- a new process took for a beginning what was a loss
  redis.call('HSET', KEYS[1], 'lost_at', text(lost_at))
end
if lost_at > now then
  lost_at = now
  redis.call('HSET', KEYS[1], 'lost_at', text(lost_at))
end
if now - lost_at < window then
  return {0, limit, lost_at + window - now, made_at}
end

-- An entry is `first last before after`: when it was begun and last added to, and how many had been admitted
-- by then and since. It ends a window after its last admission.
local function entry(at)
  local found = redis.call('LINDEX', KEYS[2], at)
  if not found then return nil end
  local first, last, before, after = string.match(found, '(%d+) (%d+) (%d+) (%d+)')
  return {first = tonumber(first), last = tonumber(last), before = tonumber(before), after = tonumber(after)}
end
local function joined(first, last, before, after)
  return table.concat({text(first), text(last), text(before), text(after)}, ' ')
end

local tail = entry(-1)
if tail and tail.last > now + window then -- the clock was put back: what counted counts from now on
  local used = tail.after - entry(0).before
  redis.call('DEL', KEYS[2])
  redis.call('RPUSH', KEYS[2], joined(now, now, 0, used))
  tail = entry(-1)
elseif tail and tail.last > now then
  now = tail.last
end
local head = entry(0)
while head and head.last + window <= now do
  redis.call('LPOP', KEYS[2])
  head = entry(0)
end
if not head then tail = nil end
local used = head and tail.after - head.before or 0

local admitted = 0
if used < limit then
  admitted, used = 1, used + 1
  if tail and now - tail.first <= grain then
    redis.call('LSET', KEYS[2], -1, joined(tail.first, now, tail.before, tail.after + 1))
    if head.first == tail.first then head.last = now end
  else
    local before = tail and tail.after or 0
    redis.call('RPUSH', KEYS[2], joined(now, now, before, before + 1))
    head = head or {last = now}
  end
end
redis.call('PEXPIRE', KEYS[2], math.ceil(window / 1000) + 1000)
return {admitted, used, head.last + window - now, made_at}
